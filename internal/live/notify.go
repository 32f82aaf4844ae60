package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/names"
	"importer/sink"
)

// CheckNotify refuses settings by which nobody could be notified. It may look up a name.
func CheckNotify(c config.Config) error {
	if c.Notify.URL == "" {
		return nil
	}
	_, err := notifyURL(string(c.Notify.URL), c.InsecureHTTP)
	return err
}

// notifyURL checks where a summary may be posted.
func notifyURL(text string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		// The URL is not shown: it is the password of many webhooks.
		return nil, config.Errorf("--notify (notify.url) is no URL that begins with https://")
	}
	if u.Scheme == "http" && !insecure && !names.StaysHere(u.Hostname()) {
		return nil, config.Errorf("--notify (notify.url): %s would be told over a connection that is not encrypted: write https://, or allow it with --insecure-http", u.Hostname())
	}
	return u, nil
}

// isDue tells whether somebody is to be told of a run that worked, or did not.
func isDue(on string, worked, lastWorked bool) bool {
	switch on {
	case "failure":
		return !worked
	case "change":
		return worked != lastWorked
	}
	return true
}

// TellStopped tells of a run that ended before it was watched: it did not work, and its
// report does not know of it, so that it is told each time.
func TellStopped(ctx context.Context, c config.Config, version string, s contact.Summary, log zerolog.Logger) {
	if c.Notify.URL == "" {
		return
	}
	to, err := notifyURL(string(c.Notify.URL), c.InsecureHTTP)
	if err != nil {
		return // which the run was ended with
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stoppedPatience)
	defer cancel()
	tell(ctx, to, "importer/"+version, s, log)
}

// stoppedPatience is how long it is tried to tell of a run that did nothing: a person may
// wait for it.
const stoppedPatience = 5 * time.Second

func tell(ctx context.Context, to *url.URL, userAgent string, s contact.Summary, log zerolog.Logger) {
	if err := notify(ctx, to, userAgent, s); err != nil {
		log.Error().Err(err).Msg("nobody was told how the run ended")
	}
}

// notify posts the summary as JSON, with one more member, text, which chats show.
// It tries again for a minute where that fails. Nothing about a contact is in it:
// the reason why a run was stopped may quote the source or the API, and is replaced.
func notify(ctx context.Context, to *url.URL, userAgent string, s contact.Summary) error {
	if s.Status == contact.Stopped {
		s.Reason = "stopped by an error; the log of the run says which"
	}
	text := fmt.Sprintf("importer: %s, %d rows read, %d created", s.Status, s.Read, s.Created)
	if n := s.NotIn(); n > 0 {
		text += fmt.Sprintf(", %d not in", n)
	}
	if s.Tolerated > 0 {
		text += ", as many as are tolerated"
	}
	var body bytes.Buffer
	err := sink.WriteJSON(&body, struct {
		contact.Summary
		Text string `json:"text"`
	}{s, text})
	if err != nil {
		return err
	}
	client := &http.Client{
		Timeout: 10 * time.Second, // of one attempt
		// A summary goes where it was sent, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		return struct{}{}, post(ctx, client, to, userAgent, body.Bytes())
	}, backoff.WithMaxElapsedTime(time.Minute))
	if err != nil {
		return fmt.Errorf("telling %s how the run ended: %w", to.Hostname(), err)
	}
	return nil
}

func post(ctx context.Context, client *http.Client, to *url.URL, userAgent string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(errors.New("the URL cannot be used"))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	resp, err := client.Do(req)
	if err != nil {
		// Without the URL, which may be secret.
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode/100 == 5 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout:
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return backoff.Permanent(fmt.Errorf("it answered %s; look at --notify", resp.Status))
}
