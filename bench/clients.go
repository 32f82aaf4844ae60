package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gocarina/gocsv"

	"importer/importer/contact"
	"importer/internal/cognigy"
)

const (
	projectID = "65f0000000000000000000aa"
	apiKey    = "bench"
)

// A job is what every client is told.
type job struct {
	base, source, report string
	workers, n           int
}

func parseJob(name string, args []string) (job, error) {
	var j job
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	flags.StringVar(&j.base, "base-url", "", "of the target")
	flags.StringVar(&j.source, "source", "", "CSV file")
	flags.StringVar(&j.report, "report", "report.ndjson", "what became of each row")
	flags.IntVar(&j.workers, "workers", 64, "requests in flight")
	flags.IntVar(&j.n, "n", 100_000, "requests, where there is no file")
	return j, flags.Parse(args)
}

// afternoon is the program that comes first to mind: encoding/csv, a map a row,
// encoding/json both ways, and the default client with enough connections.
func afternoon(args []string) error {
	j, err := parseJob("afternoon", args)
	if err != nil {
		return err
	}
	in, err := os.Open(j.source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(j.report)
	if err != nil {
		return err
	}
	defer out.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = j.workers
	transport.MaxIdleConns = j.workers
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}

	rows := make(chan map[string]string)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range j.workers {
		wg.Go(func() {
			for row := range rows {
				id, err := postRow(client, j.base, row)
				line := map[string]any{"email": row["email"], "id": id}
				if err != nil {
					line["error"] = err.Error()
				}
				b, _ := json.Marshal(line)
				mu.Lock()
				out.Write(append(b, '\n'))
				mu.Unlock()
			}
		})
	}
	r := csv.NewReader(in)
	names, err := r.Read()
	if err != nil {
		return err
	}
	for {
		cells, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		row := map[string]string{}
		for i, name := range names {
			row[name] = cells[i]
		}
		rows <- row
	}
	close(rows)
	wg.Wait()
	return nil
}

func postRow(client *http.Client, base string, row map[string]string) (string, error) {
	age, err := strconv.Atoi(row["age"])
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]any{
		"projectId": projectID, "contactIds": []string{row["email"]},
		"profile": map[string]any{
			"email": row["email"], "firstname": row["firstname"], "lastname": row["lastname"], "age": age,
			"location": row["location"], "gender": row["gender"], "accepted_gdpr": row["accepted_gdpr"] == "true",
		},
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequest(http.MethodPost, base+"/new/v2.0/profiles", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("X-API-Key", apiKey)
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
	var profile map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&profile); err != nil {
		return "", err
	}
	id, _ := profile["_id"].(string)
	return id, nil
}

// tuned does the same with as little as net/http allows: a body that is appended
// by hand, the transport without the client around it, the id found and not
// decoded, a report that is written in large pieces.
func tuned(args []string) error {
	j, err := parseJob("tuned", args)
	if err != nil {
		return err
	}
	in, err := os.Open(j.source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(j.report)
	if err != nil {
		return err
	}
	defer out.Close()
	u, err := url.Parse(j.base + "/new/v2.0/profiles")
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.MaxIdleConns = j.workers, j.workers
	transport.DisableCompression, transport.ForceAttemptHTTP2 = true, false

	type row struct {
		email string
		body  []byte
	}
	rows := make(chan []row, 4)
	report := bufio.NewWriterSize(out, 64<<10)
	var mu sync.Mutex
	var failed atomic.Value
	var wg sync.WaitGroup
	for range j.workers {
		wg.Go(func() {
			buf := bytes.NewBuffer(make([]byte, 0, 4096))
			for batch := range rows {
				for _, r := range batch {
					id, err := sendTuned(transport, u, r.body, buf)
					if err != nil {
						failed.Store(err)
						continue
					}
					mu.Lock()
					report.WriteString(r.email)
					report.WriteByte(' ')
					report.Write(id)
					report.WriteByte('\n')
					mu.Unlock()
				}
			}
		})
	}
	r := csv.NewReader(bufio.NewReaderSize(in, 64<<10))
	r.ReuseRecord = true
	if _, err := r.Read(); err != nil {
		return err
	}
	var batch []row
	for {
		cells, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		batch = append(batch, row{string(cells[0]), bodyOf(cells)})
		if len(batch) == 16 {
			rows <- batch
			batch = nil
		}
	}
	rows <- batch
	close(rows)
	wg.Wait()
	if err, _ := failed.Load().(error); err != nil {
		return err
	}
	return report.Flush()
}

// tunedHead is the head of each request of tuned.
var tunedHead = http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}, "X-Api-Key": {apiKey}}

// sendTuned sends one create, and returns the id in the answer, which stays in buf.
func sendTuned(transport *http.Transport, u *url.URL, body []byte, buf *bytes.Buffer) (id []byte, err error) {
	resp, err := transport.RoundTrip(&http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Header: tunedHead, ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	})
	if err != nil {
		return nil, err
	}
	buf.Reset()
	_, err = buf.ReadFrom(resp.Body)
	resp.Body.Close()
	_, id, found := bytes.Cut(buf.Bytes(), []byte(`"_id":"`))
	if err != nil || !found || resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("status %d, %v", resp.StatusCode, err)
	}
	return id[:24], nil
}

// bodyOf is the body of the create of a row.
func bodyOf(cells []string) []byte {
	b := append(make([]byte, 0, 320), `{"projectId":"`+projectID+`","contactIds":[`...)
	b, _ = jsontext.AppendQuote(b, cells[0])
	b = append(b, `],"profile":{`...)
	for i, cell := range cells {
		if cell == "" {
			continue
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), header[i]...), `":`...)
		if header[i] == "age" || header[i] == "accepted_gdpr" {
			b = append(b, cell...)
		} else {
			b, _ = jsontext.AppendQuote(b, cell)
		}
	}
	return append(b, "}}"...)
}

// bare sends one profile again and again over importer's own client.
func bare(args []string) error {
	j, err := parseJob("bare", args)
	if err != nil {
		return err
	}
	client, err := cognigy.New(cognigy.Options{BaseURL: j.base, APIKey: apiKey, ProjectID: projectID, MaxConns: j.workers})
	if err != nil {
		return err
	}
	defer client.Close()
	value := contact.StringValue
	profile := contact.Profile{ContactIDs: []string{"contact1.89abcdef@example.com"}, Fields: []contact.Field{
		{Name: "accepted_gdpr", Value: []byte("true")}, {Name: "age", Value: []byte("36")}, {Name: "email", Value: value("contact1.89abcdef@example.com")},
		{Name: "firstname", Value: value("Ada")}, {Name: "gender", Value: value("female")}, {Name: "lastname", Value: value("Lovelace")}, {Name: "location", Value: value("London")},
	}}
	var left atomic.Int64
	left.Store(int64(j.n))
	var failed atomic.Value
	var wg sync.WaitGroup
	for range j.workers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if r, err := client.Create(context.Background(), profile); err != nil || r.ID == "" {
					failed.Store(fmt.Errorf("id %q, %w", r.ID, err))
					return
				}
			}
		})
	}
	wg.Wait()
	err, _ = failed.Load().(error)
	return err
}

// read reads a file with gocsv into a struct, and does nothing with it.
func read(args []string) error {
	j, err := parseJob("read", args)
	if err != nil {
		return err
	}
	in, err := os.Open(j.source)
	if err != nil {
		return err
	}
	defer in.Close()
	type contact struct {
		Email     string `csv:"email"`
		Firstname string `csv:"firstname"`
		Lastname  string `csv:"lastname"`
		Age       int    `csv:"age"`
		Location  string `csv:"location"`
		Gender    string `csv:"gender"`
		Accepted  bool   `csv:"accepted_gdpr"`
	}
	n := 0
	err = gocsv.UnmarshalToCallback(bufio.NewReaderSize(in, 64<<10), func(contact) { n++ })
	fmt.Println(n)
	return err
}
