package importer

import (
	"testing"

	"importer/importer/contact"
)

var benchProfile = contact.Profile{ContactIDs: []string{"contact17.89abcdef@example.com"}, Fields: []contact.Field{
	{Name: "accepted_gdpr", Value: []byte("true")}, {Name: "age", Value: []byte("36")},
	{Name: "email", Value: contact.StringValue("contact17.89abcdef@example.com")}, {Name: "firstname", Value: contact.StringValue("Zoë")},
	{Name: "gender", Value: contact.StringValue("female")}, {Name: "lastname", Value: contact.StringValue("O'Neill")}, {Name: "location", Value: contact.StringValue("Düsseldorf")},
}}

// BenchmarkBody is a profile to the body of its create request.
func BenchmarkBody(b *testing.B) {
	var body []byte
	b.ReportAllocs()
	for b.Loop() {
		body = benchProfile.AppendCreateBody(body[:0], "65f0000000000000000000aa")
	}
	b.SetBytes(int64(len(body)))
}

func BenchmarkKeyAndDigest(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if digest, _ := benchProfile.Measure(); contact.KeyOf(benchProfile.ContactIDs) == (contact.Key{}) || digest == (contact.Digest{}) {
			b.Fatal("zero")
		}
	}
}
