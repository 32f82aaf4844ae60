package importer

import "testing"

var benchProfile = Profile{ContactIDs: []string{"contact17.89abcdef@example.com"}, Fields: []Field{
	{Name: "accepted_gdpr", Value: []byte("true")}, {Name: "age", Value: []byte("36")},
	{Name: "email", Value: StringValue("contact17.89abcdef@example.com")}, {Name: "firstname", Value: StringValue("Zoë")},
	{Name: "gender", Value: StringValue("female")}, {Name: "lastname", Value: StringValue("O'Neill")}, {Name: "location", Value: StringValue("Düsseldorf")},
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
		if KeyOf(benchProfile.ContactIDs) == (Key{}) || DigestOf(benchProfile) == (Digest{}) {
			b.Fatal("zero")
		}
	}
}
