/* The tables of leagues.h. */
#include "generator/leagues.h"

#define LIST(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static const char *const english_towns[] = {
    "Ashcombe",  "Brackenford", "Calderby", "Dunmere",   "Eastwick",   "Fenbridge", "Garrowby",
    "Hartsmoor", "Ivelchester", "Kelbrook", "Lanehurst", "Marlingham", "Northwold", "Oakhampton",
    "Penbury",   "Ravensworth", "Stanmore", "Thornaby",  "Upminster",  "Westerham", NULL};
static const char *const spanish_towns[] = {
    "Almarza",     "Benarque", "Castrovel", "Duranes",  "Espinar",  "Fuentelar", "Guadarque",
    "Hinojal",     "Illescal", "Jaralva",   "Lermosa",  "Montalba", "Navalcid",  "Olmedal",
    "Peñaflorida", "Quintar",  "Riosel",    "Santovia", "Torremar", "Valdecruz", NULL};
/* In the order of european_countries, again and again. */
static const char *const european_towns[] = {
    "Calderby",    "Castrovel",   "Rheinfelden", "Montesole", "Beauclair", "Vila Serena",
    "Oosterveen",  "Hartsmoor",   "Guadarque",   "Altenburg", "Pietralba", "Clermaine",
    "Porto Claro", "Zuiderhaven", "Stanmore",    "Montalba",  "Neuwerder", "Acquaviva",
    "Saint-Orme",  "Monte Rei",   "Westmeer",    "Thornaby",  "Torremar",  "Grünhagen",
    "Villanterio", "Rochevive",   "Lagoa Nova",  "Heideloo",  NULL};
static const char *const european_countries[] = {"England", "Spain",    "Germany",     "Italy",
                                                 "France",  "Portugal", "Netherlands", NULL};
static const char *const american_cities[] = {
    "Baysville",   "Cedar Falls",  "Coral Harbor", "Desert Springs", "Eagle Pass",  "Fort Mercer",
    "Golden Gate", "Granite City", "Great Plains", "Harbor Point",   "Iron Valley", "Juniper",
    "Kingsport",   "Lakeshore",    "Lone Star",    "Magnolia",       "Mesa Verde",  "Midtown",
    "New Albion",  "North Shore",  "Oak Ridge",    "Palmetto",       "Pine Bluff",  "Redwood",
    "Rivertown",   "Silver Creek", "Summit",       "Tidewater",      "Twin Rivers", "Westfield",
    NULL};
static const char *const japanese_cities[] = {
    "Akemori",  "Fujisaka",  "Hanazono", "Kitahama",  "Minatoya",  "Nishikawa", "Otowa",
    "Sakuragi", "Tachibana", "Umehara",  "Wakamatsu", "Yamashiro", NULL};
static const char *const korean_cities[] = {"Baekdong", "Cheongha", "Daesan",  "Geumho",
                                            "Haneul",   "Mirae",    "Namgang", "Seohwan",
                                            "Taeyang",  "Yeonsu",   NULL};
static const char *const nations[] = {
    "Argentina",   "Australia", "Belgium", "Brazil", "Cameroon",    "Canada",  "Chile",
    "Colombia",    "Croatia",   "Denmark", "Egypt",  "England",     "France",  "Germany",
    "Ghana",       "Greece",    "Iran",    "Italy",  "Japan",       "Mexico",  "Morocco",
    "Netherlands", "Nigeria",   "Norway",  "Poland", "Portugal",    "Senegal", "Serbia",
    "South Korea", "Spain",     "Sweden",  "Turkey", "Switzerland", "Uruguay", NULL};

static const char *const clubs[] = {"United",    "City",     "Rovers", "Athletic",
                                    "Wanderers", "Albion",   "Town",   "Rangers",
                                    "County",    "Harriers", NULL};
static const char *const spanish_clubs[] = {"CF", "Atlético", "Deportivo", "UD", "Real", NULL};
static const char *const european_clubs[] = {"1899",  "Sporting", "FC", "Olympic",
                                             "Union", "AC",       NULL};
static const char *const animals[] = {"Falcons", "Wolves",  "Stallions", "Bears",
                                      "Hornets", "Comets",  "Raptors",   "Pioneers",
                                      "Sharks",  "Thunder", "Chiefs",    NULL};
static const char *const nine_names[] = {"Swallows", "Dragons", "Carps",  "Lions",
                                         "Eagles",   "Marines", "Giants", NULL};

static const char *const men[] = {"Adrian", "Bruno",  "Carlos", "Daniel", "Emil",   "Felix",
                                  "Goran",  "Hugo",   "Ivan",   "Jonas",  "Kenji",  "Luca",
                                  "Marco",  "Nikola", "Oscar",  "Pavel",  "Rafael", "Stefan",
                                  "Tomas",  "Viktor", "Yuri",   NULL};
static const char *const women[] = {"Alina",  "Bianca", "Carla",  "Daria", "Elena", "Freya",
                                    "Greta",  "Hana",   "Ines",   "Julia", "Katja", "Lucia",
                                    "Marina", "Naomi",  "Olivia", "Petra", "Sofia", "Tamara",
                                    "Vera",   "Yuki",   NULL};
/* 43 of them: prime, so that first and last name together repeat late. */
static const char *const surnames[] = {
    "Alcaraval",  "Bergstrom", "Castellan", "Dimovski", "Eklund",    "Ferreiro",  "Galanis",
    "Halvorsen",  "Ivanek",    "Jankovar",  "Kowalik",  "Lindqvar",  "Moretti",   "Nakashima",
    "Okonjo",     "Petrenko",  "Quiroga",   "Rosales",  "Sandoval",  "Takemura",  "Urbanek",
    "Vandermeer", "Weissman",  "Yamauchi",  "Zoltan",   "Ardent",    "Brannigan", "Corvalan",
    "Delacroix",  "Estevao",   "Fontaine",  "Gruber",   "Hollander", "Iglesio",   "Jarvinen",
    "Kaminski",   "Lazarev",   "Mendoza",   "Novotna",  "Oliveira",  "Pellegri",  "Rasmus",
    "Silvander",  NULL};

static const char *const tour_hosts[] = {"USA",   "Italy", "Spain",     "France", "Monaco",
                                         "Japan", "Qatar", "Australia", NULL};
static const char *const slam_hosts[] = {"Australia", "France", "England", "USA", NULL};
static const char *const fight_hosts[] = {"USA", "United Arab Emirates", "Brazil", "England", NULL};
static const char *const asian_hosts[] = {"Singapore", "Thailand", "Japan", "Philippines", NULL};
static const char *const pool_hosts[] = {"Japan", "Hungary", "Qatar", "South Korea", NULL};

const struct league_plan league_plans[LEAGUES] = {
    {"Soccer",
     "Premier League",
     FORM_TEAM,
     20,
     2,
     115,
     {12, 14, 16, 19},
     english_towns,
     clubs,
     0,
     LIST("England")},
    {"Soccer",
     "La Liga",
     FORM_TEAM,
     20,
     2,
     115,
     {13, 15, 18, 20},
     spanish_towns,
     spanish_clubs,
     0,
     LIST("Spain")},
    {"Soccer",
     "Champions League",
     FORM_TEAM,
     28,
     2,
     115,
     {17, 19, 20, 20},
     european_towns,
     european_clubs,
     0,
     european_countries},
    {"Soccer", "FIFA", FORM_NATION, 34, 2, 115, {14, 17, 19, 20}, nations, NULL, 0, nations},
    {"Basketball",
     "NBA",
     FORM_TEAM,
     30,
     2,
     150,
     {0, 1, 2, 23},
     american_cities,
     animals,
     0,
     LIST("USA")},
    {"Basketball",
     "EuroLeague",
     FORM_TEAM,
     18,
     2,
     120,
     {17, 18, 19, 19},
     european_towns,
     animals,
     3,
     european_countries},
    {"Basketball",
     "NCAA",
     FORM_TEAM,
     30,
     2,
     130,
     {17, 19, 23, 0},
     american_cities,
     animals,
     5,
     LIST("USA")},
    {"Baseball",
     "MLB",
     FORM_TEAM,
     30,
     2,
     180,
     {17, 20, 23, 1},
     american_cities,
     animals,
     8,
     LIST("USA")},
    {"Baseball",
     "Nippon League",
     FORM_TEAM,
     12,
     2,
     190,
     {4, 9, 9, 5},
     japanese_cities,
     nine_names,
     0,
     LIST("Japan")},
    {"Baseball",
     "KBO",
     FORM_TEAM,
     10,
     2,
     190,
     {9, 9, 5, 8},
     korean_cities,
     nine_names,
     2,
     LIST("South Korea")},
    {"Tennis", "ATP", FORM_PERSON, 32, 2, 120, {9, 11, 14, 18}, men, surnames, 0, tour_hosts},
    {"Tennis", "WTA", FORM_PERSON, 32, 2, 100, {9, 11, 14, 18}, women, surnames, 3, tour_hosts},
    /* The players of the ATP again: one person in two leagues of a sport. */
    {"Tennis",
     "Grand Slam",
     FORM_PERSON,
     32,
     2,
     170,
     {9, 11, 13, 17},
     men,
     surnames,
     0,
     slam_hosts},
    {"MMA", "UFC", FORM_PERSON, 32, 2, 30, {1, 2, 3, 4}, men, surnames, 11, fight_hosts},
    {"MMA", "Bellator", FORM_PERSON, 24, 2, 30, {0, 1, 2, 3}, men, surnames, 19, fight_hosts},
    {"MMA",
     "ONE Championship",
     FORM_PERSON,
     24,
     2,
     30,
     {11, 12, 13, 14},
     men,
     surnames,
     29,
     asian_hosts},
    {"Swimming",
     "FINA World Championships",
     FORM_PERSON,
     24,
     8,
     20,
     {8, 9, 17, 18},
     women,
     surnames,
     17,
     pool_hosts},
    {"Swimming",
     "Olympics",
     FORM_PERSON,
     24,
     8,
     20,
     {8, 9, 18, 19},
     women,
     surnames,
     17,
     LIST("France")},
};

unsigned sport_rank(struct str sport)
{
    unsigned rank = 0;
    for (unsigned i = 0; i < LEAGUES; i++) {
        if (i > 0 && strcmp(league_plans[i].sport, league_plans[i - 1].sport) != 0)
            rank++;
        if (str_equal(sport, str_of(league_plans[i].sport)))
            return rank;
    }
    return rank + 1;
}

static unsigned list_count(const char *const *list)
{
    unsigned count = 0;
    while (list[count] != NULL)
        count++;
    return count;
}

void league_participant(const struct league_plan *plan, unsigned index, struct buf *out)
{
    buf_add_text(out, plan->names[index % list_count(plan->names)]);
    if (plan->form == FORM_NATION)
        return;
    unsigned stride = plan->form == FORM_PERSON ? 7 : 1;
    unsigned second = (index * stride + plan->shift) % list_count(plan->seconds);
    buf_add_char(out, ' ');
    buf_add_text(out, plan->seconds[second]);
}

const char *league_country(const struct league_plan *plan, unsigned home, uint64_t pick)
{
    unsigned count = list_count(plan->countries);
    if (plan->form == FORM_PERSON)
        return plan->countries[pick % count];
    return plan->countries[home % count];
}
