package cognigy

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"importer/importer/contact"
)

const benchAnswer = `{"profile":{"firstname":"Ada","lastname":"Lovelace","email":"ada@example.com","age":36,"birthday":"","gender":"",` +
	`"location":"London","profilepic":"","prevent_data_collection":false,"accepted_gdpr":true,"privacy_policy":{"accepted":false},"tasks":[]},` +
	`"contactIds":["ada@example.com"],"active":true,"createdAt":1700000000,"lastChanged":1700000000,"_id":"65f1000000000000000000bb"}`

// BenchmarkCreate measures a create over a loopback connection. The server does
// as little as it can, but runs in the same process: its share is in the figure.
func BenchmarkCreate(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerCreates(c)
		}
	}()
	client, err := New(Options{BaseURL: "http://" + l.Addr().String(), APIKey: testKey, ProjectID: testProject})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r, err := client.Create(context.Background(), ada); err != nil || r.ID == "" {
				b.Error(r, err)
				return
			}
		}
	})
}

func answerCreates(c net.Conn) {
	defer c.Close()
	answer := fmt.Appendf(nil, "HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s", len(benchAnswer), benchAnswer)
	r := bufio.NewReader(c)
	for {
		length := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
			if name, value, _ := strings.Cut(string(line), ":"); strings.EqualFold(name, "Content-Length") {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

func BenchmarkAuthorOf(b *testing.B) {
	x := exchange{op: opCreate, status: 201, media: "application/json; charset=utf-8", body: []byte(benchAnswer)}
	b.ReportAllocs()
	for b.Loop() {
		if author, _ := authorOf(x); author != contact.API {
			b.Fatal(author)
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	body := []byte(`{"type":"about:blank","title":"Bad Request","status":400,"detail":"field 'x' is not allowed","code":1005,"traceId":"api-1"}`)
	b.ReportAllocs()
	for b.Loop() {
		if e := classify(exchange{op: opCreate, status: 400, body: body, key: testKey}); e.Class != contact.Permanent {
			b.Fatal(e)
		}
	}
}
