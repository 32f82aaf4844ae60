package cognigy

import (
	"strings"
	"testing"
)

func TestNormalizeBaseURL(t *testing.T) {
	for _, raw := range []string{
		"https://api-trial.cognigy.ai", "https://api-trial.cognigy.ai/", " https://api-trial.cognigy.ai/openapi\n",
		"https://api-trial.cognigy.ai/openapi/", "https://api-trial.cognigy.ai/new", "https://api-trial.cognigy.ai/new/",
		"https://api-trial.cognigy.ai/new/v2.0", "https://api-trial.cognigy.ai/new/v2.0/", "https://api-trial.cognigy.ai/v2.0",
		"https://api-trial.cognigy.ai/new/v2.0/profiles", "HTTPS://API-Trial.cognigy.ai//",
	} {
		if got, err := NormalizeBaseURL(raw); got != "https://api-trial.cognigy.ai" || err != nil {
			t.Errorf("NormalizeBaseURL(%q) = %q, %v", raw, got, err)
		}
	}
	for raw, want := range map[string]string{
		"http://127.0.0.1:8787/":                   "http://127.0.0.1:8787",
		"http://[::1]:8787/new":                    "http://[::1]:8787",
		"https://gateway.example/cognigy/new/v2.0": "https://gateway.example/cognigy",
		"https://api-company.cognigy.cloud":        "https://api-company.cognigy.cloud",
		"https://cognigy-api-na1.nicecxone.com/":   "https://cognigy-api-na1.nicecxone.com",
	} {
		if got, err := NormalizeBaseURL(raw); got != want || err != nil {
			t.Errorf("NormalizeBaseURL(%q) = %q, %v; want %q", raw, got, err, want)
		}
	}
}

func TestNormalizeBaseURLRefuses(t *testing.T) {
	for raw, hint := range map[string]string{
		"":                                 "https://api-trial.cognigy.ai",
		"api-trial.cognigy.ai":             "write https://api-trial.cognigy.ai",
		"localhost:8787":                   "write https://localhost:8787",
		"//api-trial.cognigy.ai":           "write https://api-trial.cognigy.ai",
		"user:secret@api-trial.cognigy.ai": "write https://api-trial.cognigy.ai",
		"ftp://api-trial.cognigy.ai":       "https://",
		"https://":                         "no host",
		"https://:443":                     "no host",
		"https://user:secret@api-trial.cognigy.ai":    "user name",
		"https://api-trial.cognigy.ai?api_key=secret": "query",
		"https://api-trial.cognigy.ai/#secret":        "fragment",
		"https://u:secret@api trial":                  "cannot be read",
		"https://app.cognigy.ai/login":                "https://api-app.cognigy.ai",
		"https://trial.cognigy.ai":                    "https://api-trial.cognigy.ai",
	} {
		got, err := NormalizeBaseURL(raw)
		if err == nil {
			t.Errorf("NormalizeBaseURL(%q) = %q, want an error", raw, got)
			continue
		}
		if !strings.Contains(err.Error(), hint) || strings.Contains(err.Error(), "secret") {
			t.Errorf("NormalizeBaseURL(%q): %v; want it to say %q, and no secret", raw, err, hint)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := Options{BaseURL: "https://api-trial.cognigy.ai", APIKey: testKey, ProjectID: testProject}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for hint, change := range map[string]func(*Options){
		"base URL is empty":  func(o *Options) { o.BaseURL = "" },
		"--insecure-http":    func(o *Options) { o.BaseURL = "http://api.example.com" },
		"$COGNIGY_API_KEY":   func(o *Options) { o.APIKey = " \n" },
		"must hold the key":  func(o *Options) { o.APIKey = testKey + "\nsecret line" },
		"--project-id":       func(o *Options) { o.ProjectID = "my project" },
		"negative timeout":   func(o *Options) { o.Timeout = -1 },
		"number of connecti": func(o *Options) { o.MaxConns = -1 },
	} {
		o := good
		change(&o)
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("error %v, want it to say %q", err, hint)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the key is in %q", err)
		}
	}
	insecure := good
	insecure.BaseURL, insecure.InsecureHTTP = "http://api.example.com", true
	if _, err := New(insecure); err != nil {
		t.Error(err)
	}
	for _, loopback := range []string{"http://127.0.0.1:1", "http://localhost", "http://[::1]:1", "http://[::ffff:127.0.0.1]:1"} {
		local := good
		local.BaseURL = loopback
		if _, err := New(local); err != nil {
			t.Errorf("%s: %v", loopback, err)
		}
	}
}
