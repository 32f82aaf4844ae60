package mapping

// A kind is what a value has to be.
type kind uint8

const (
	text       kind = iota // any text
	birthday               // a date that lies behind us, which becomes text; what is none is left out
	email                  // one e-mail address
	whole                  // a whole number
	boolean                // yes or no
	list                   // several texts
	object                 // a JSON object
	memories               // a JSON array of memories
	plainPhone             // a phone number as it stands: contact ids only

	// With a mapping only.
	phone   // a phone number, which becomes E.164
	number  // any number
	date    // a date, which becomes text
	anyJSON // any JSON
	memory  // a text, which becomes a memory
)

// kinds are those of the targets by their names.
var kinds = map[string]kind{
	"accepted_gdpr": boolean, "age": whole, "birthday": birthday, "email": email, "firstname": text, "gender": text, "lastname": text,
	"location": text, "memories": memories, "prevent_data_collection": boolean, "privacy_policy": object, "profilepic": text, "tasks": list,
	"contactIds": list, "active": boolean, "mobile": plainPhone, "phone": plainPhone,
}
