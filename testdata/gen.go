//go:build ignore

// Writes contacts.csv and contacts.ndjson: 300 invented people.
//
//	go run testdata/gen.go
//
// The addresses are those reserved for examples, the telephone numbers those
// that regulators keep free for films.
package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// A culture is where five given names for women and five for men, ten family
// names, and their spelling in an address come from.
type culture struct {
	women, men, families  string // separated by commas
	womenA, menA, familyA string // as in an e-mail address; empty: the same
	cities                string
	phone                 string // with the number in place of %03d
}

var cultures = []culture{
	{"Maeve,Harriet,Imogen,Saoirse,Tamsin", "Rufus,Callum,Declan,Barnaby,Idris", "Quillfeather,O'Tarrant,Pemberly-Voss,Ashgrove,Dunmarrow",
		"", "", "quillfeather,otarrant,pemberly-voss,ashgrove,dunmarrow", "Leeds,Cork,Cardiff,Bristol", "+44 7700 900%03d"},
	{"Jördis,Käthe,Annegret,Frieda,Lieselotte", "Jürgen,Götz,Björn,Torsten,Lutz", "Müllerstein,Großkopf,Wäldchen,von der Lühe,Schönebaum",
		"joerdis,kaethe,annegret,frieda,lieselotte", "juergen,goetz,bjoern,torsten,lutz", "muellerstein,grosskopf,waeldchen,vonderluehe,schoenebaum", "Köln,Düsseldorf,Gießen,Leipzig", "+49 30 23125%03d"},
	{"Élodie,Zoé,Maëlle,Noémie,Apolline", "Loïc,Gaëtan,Aurélien,Thibault,Côme", "L'Hérondelle,Beauchêne,d'Arzac,Fauvière,Montclair-Rey",
		"elodie,zoe,maelle,noemie,apolline", "loic,gaetan,aurelien,thibault,come", "lherondelle,beauchene,darzac,fauviere,montclair-rey", "Orléans,Saint-Étienne,Nîmes,Besançon", "+33 1 99 00 1%03d"},
	{"Małgorzata,Żaneta,Jagoda,Grażyna,Lucyna", "Zdzisław,Łukasz,Wojciech,Gniewko,Mściwój", "Brzęczkowska,Wróblicz,Źdźbło,Śledziowa,Kąkol",
		"malgorzata,zaneta,jagoda,grazyna,lucyna", "zdzislaw,lukasz,wojciech,gniewko,msciwoj", "brzeczkowska,wroblicz,zdzblo,sledziowa,kakol", "Łódź,Kraków,Gdańsk,Wrocław", "+44 7700 900%03d"},
	{"Şule,İpek,Gülçin,Nazlı,Tuğba", "Çağlar,Oğuz,Yiğit,Ümit,Tolga", "Gümüşdağ,Özkırım,Yıldıztepe,Şimşekli,Akbulutçu",
		"sule,ipek,gulcin,nazli,tugba", "caglar,oguz,yigit,umit,tolga", "gumusdag,ozkirim,yildiztepe,simsekli,akbulutcu", "İzmir,Eskişehir,Çanakkale,Muğla", "+44 20 7946 0%03d"},
	{"Ευανθία,Δήμητρα,Κλειώ,Ιφιγένεια,Χαρίκλεια", "Λεωνίδας,Σταύρος,Οδυσσέας,Φίλιππος,Θωμάς", "Παπαδρόσου,Καλλιγά,Μαυροδέντρη,Ξηροτύρη,Αγγελάκου",
		"evanthia,dimitra,klio,ifigenia,chariklia", "leonidas,stavros,odysseas,filippos,thomas", "papadrosou,kalliga,mavrodendri,xirotyri,angelakou", "Αθήνα,Θεσσαλονίκη,Πάτρα,Χανιά", "+1 202 555 0%03d"},
	{"Зинаида,Любовь,Ярослава,Олеся,Варвара", "Тимофей,Савелий,Богдан,Остап,Лука", "Берестенко,Заречна,Подгорець,Журавель,Соловко",
		"zinaida,lyubov,yaroslava,olesya,varvara", "timofey,savely,bohdan,ostap,luka", "berestenko,zarichna,pidhorets,zhuravel,solovko", "Київ,Львів,Одеса,София", "+1 212 555 0%03d"},
	{"سلمى,نوال,رحاب,هدى,ياسمين", "طارق,بسام,وليد,جمال,فارس", "الزيتوني,البحيري,القمراوي,السنديان,النخيلي",
		"salma,nawal,rihab,huda,yasmin", "tariq,bassam,walid,jamal,faris", "alzaytuni,albuhairi,alqamrawi,alsindian,alnakhili", "القاهرة,عمّان,الدار البيضاء,تونس", "+1 303 555 0%03d"},
	{"अनन्या,कावेरी,मृणाल,पूर्णिमा,शर्मिष्ठा", "आदित्य,भास्कर,चिराग,देवेन्द्र,ऋषि", "चन्द्रवाल,नदीकर,पर्वतीया,वनमाली,सूर्यकेतु",
		"ananya,kaveri,mrinal,purnima,sharmishtha", "aditya,bhaskar,chirag,devendra,rishi", "chandrawal,nadikar,parvatiya,vanmali,suryaketu", "पुणे,जयपुर,लखनऊ,इंदौर", "+1 415 555 0%03d"},
	{"雅琴,思穎,曉蓮,語桐,靜宜", "志豪,建宏,明軒,子墨,浩然", "竹林,歐陽溪,司馬橋,梅嶺,松風",
		"yaqin,siying,xiaolian,yutong,jingyi", "zhihao,jianhong,mingxuan,zimo,haoran", "zhulin,ouyangxi,simaqiao,meiling,songfeng", "臺北,高雄,杭州,成都", "+1 503 555 0%03d"},
	{"さくら子,千鶴,美雪,琴音,小百合", "一朗太,健太郎,蒼汰,龍之介,誠一", "月ヶ瀬川,雪之原,桐ヶ谷戸,星野森,風間崎",
		"sakurako,chizuru,miyuki,kotone,sayuri", "ichirota,kentaro,sota,ryunosuke,seiichi", "tsukigasegawa,yukinohara,kirigayato,hoshinomori,kazamasaki", "京都,札幌,那覇,金沢", "+1 617 555 0%03d"},
	{"Mỹ Duyên,Thùy Dương,Ngọc Ánh,Hạnh Phúc,Bảo Trâm", "Đức Thịnh,Quốc Bảo,Minh Triết,Hữu Nghĩa,Vĩnh Phát", "Lạc Hồng,Trúc Lâm,Sông Đà,Mây Trắng,Đồng Xuân",
		"myduyen,thuyduong,ngocanh,hanhphuc,baotram", "ducthinh,quocbao,minhtriet,huunghia,vinhphat", "lachong,truclam,songda,maytrang,dongxuan", "Hà Nội,Đà Nẵng,Huế,Cần Thơ", "+1 718 555 0%03d"},
}

var (
	domains   = []string{"example.com", "example.org", "example.net", "mail.test", "post.example.com"}
	tags      = []string{"newsletter", "vip", "trial", "partner", "webshop", "renewal", "event, spring", "référence", "試用"}
	sentences = []string{"prefers to be called in the morning", "asked for the price list", "has a dog named \"Biscuit\"",
		"speaks three languages: en, de, fr", "order 4711; delivered late", "ist mit der Rechnung nicht einverstanden", "喜歡綠茶", "любит шахматы"}
)

type person struct {
	contactIDs              []string
	first, last, email      string
	phone, birthday, gender string
	age                     int
	city                    string
	tags                    []string
	consent                 bool
	picture                 string
	memories                []memory
	notes                   string
}

type memory struct {
	ID        string `json:"id"`
	Timestamp string `json:"timestamp"`
	Text      string `json:"text"`
}

func main() {
	log.SetFlags(0)
	people := invent()
	if err := writeCSV("testdata/contacts.csv", people); err != nil {
		log.Fatal(err)
	}
	if err := writeNDJSON("testdata/contacts.ndjson", people); err != nil {
		log.Fatal(err)
	}
}

func invent() []person {
	rnd := rand.New(rand.NewPCG(2026, 300))
	pick := func(s string) string { all := strings.Split(s, ","); return all[rnd.IntN(len(all))] }
	today := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	var people []person
	for n := range 300 {
		c := cultures[n%len(cultures)]
		k := n / len(cultures) // 0 … 24: each given name with each family name
		first, plain := c.women, c.womenA
		p := person{gender: "female"}
		if n%2 == 1 {
			first, plain, p.gender = c.men, c.menA, "male"
		}
		if plain == "" {
			plain = strings.ToLower(first)
		}
		at := func(s string, i int) string { return strings.Split(s, ",")[i] }
		p.first, p.last = at(first, k%5), at(c.families, k/5)
		p.email = fmt.Sprintf("%s.%s@%s", at(plain, k%5), at(c.familyA, k/5), domains[rnd.IntN(len(domains))])
		if strings.Contains(c.phone, "555 0") {
			p.phone = fmt.Sprintf(c.phone, 100+n%100)
		} else {
			p.phone = fmt.Sprintf(c.phone, n)
		}
		born := today.AddDate(-18-rnd.IntN(70), 0, -rnd.IntN(365))
		p.birthday = born.Format(time.DateOnly)
		p.age = today.Year() - born.Year()
		if born.AddDate(p.age, 0, 0).After(today) {
			p.age--
		}
		p.city = pick(c.cities)
		p.consent = rnd.IntN(4) > 0
		for range rnd.IntN(4) {
			if tag := tags[rnd.IntN(len(tags))]; !strings.Contains(strings.Join(p.tags, ";"), tag) {
				p.tags = append(p.tags, tag)
			}
		}
		for i := range max(0, rnd.IntN(5)-2) {
			at := today.Add(-time.Duration(rnd.IntN(10_000)) * time.Minute)
			p.memories = append(p.memories, memory{fmt.Sprintf("m-%03d-%d", n+1, i+1), at.Format(time.RFC3339), sentences[rnd.IntN(len(sentences))]})
		}
		switch n % 10 {
		case 3: // reachable in two ways
			p.contactIDs = []string{p.email, strings.ReplaceAll(p.phone, " ", "")}
		case 4: // known under a number of the shop
			p.contactIDs = []string{fmt.Sprintf("shop-%05d", 10_000+n)}
		case 5: // by telephone only
			p.email = ""
		case 6:
			p.phone, p.birthday, p.age, p.gender = "", "", 0, ""
		case 7:
			p.city = fmt.Sprintf("%d Example Street,\n%s", 1+n, p.city)
		case 8:
			p.first = fmt.Sprintf("%s %q", p.first, string([]rune(p.first)[:2]))
			p.picture = fmt.Sprintf("https://pictures.example.com/%03d.png", n+1)
		case 9:
			p.notes = "called twice,\nno answer"
		}
		people = append(people, p)
	}
	return people
}

func writeCSV(name string, people []person) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"contactIds", "First Name", "Last Name", "E-Mail", "Mobile Phone", "Birthday", "Age", "Gender", "City", "Tags", "Consent", "Profile Picture", "Memories", "Notes"})
	for _, p := range people {
		age, memories := "", ""
		if p.age > 0 {
			age = fmt.Sprint(p.age)
		}
		if len(p.memories) > 0 {
			j, err := encode(p.memories)
			if err != nil {
				return err
			}
			memories = j
		}
		consent := "no"
		if p.consent {
			consent = "yes"
		}
		w.Write([]string{strings.Join(p.contactIDs, ";"), p.first, p.last, p.email, p.phone, p.birthday, age, p.gender, p.city,
			strings.Join(p.tags, ";"), consent, p.picture, memories, p.notes})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

func writeNDJSON(name string, people []person) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	for _, p := range people {
		type profile struct {
			AcceptedGDPR bool     `json:"accepted_gdpr"`
			Age          int      `json:"age,omitzero"`
			Birthday     string   `json:"birthday,omitempty"`
			Email        string   `json:"email,omitempty"`
			FirstName    string   `json:"firstname"`
			Gender       string   `json:"gender,omitempty"`
			LastName     string   `json:"lastname"`
			Location     string   `json:"location,omitempty"`
			Memories     []memory `json:"memories,omitempty"`
			ProfilePic   string   `json:"profilepic,omitempty"`
			Tasks        []string `json:"tasks,omitempty"`
		}
		ids := p.contactIDs
		if len(ids) == 0 {
			ids = []string{p.email}
		}
		if ids[0] == "" {
			ids = []string{p.phone}
		}
		line, err := encode(struct {
			ContactIDs []string `json:"contactIds"`
			Profile    profile  `json:"profile"`
			Active     bool     `json:"active"`
		}{ids, profile{p.consent, p.age, p.birthday, p.email, p.first, p.gender, p.last, p.city, p.memories, p.picture, p.tags}, true})
		if err != nil {
			return err
		}
		fmt.Fprintln(b, line)
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}
