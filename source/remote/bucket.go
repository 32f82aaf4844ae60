package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"importer/internal/address"
	"importer/internal/names"
	"importer/internal/plain"
)

// maxKeys is how many keys a glob looks at.
const maxKeys = 100_000

// A bucketClient reaches the buckets of one endpoint.
type bucketClient struct{ minio.Core }

// buckets is the client of s3://, made when it is needed.
func (c *Client) buckets() (*bucketClient, error) {
	if c.s3 != nil {
		return c.s3, nil
	}
	get := c.o.Getenv
	const aws = "https://s3.amazonaws.com"
	endpoint := cmpOr(c.o.Endpoint, get("AWS_ENDPOINT_URL_S3"), get("AWS_ENDPOINT_URL"), aws)
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%w: the endpoint of s3:// (source.s3.endpoint, $AWS_ENDPOINT_URL_S3) is no address: write https://host", ErrUnusable)
	case u.Scheme == "http" && !c.o.InsecureHTTP && !names.StaysHere(u.Hostname()):
		return nil, fmt.Errorf("%w: the endpoint of s3:// is not encrypted: write https://, or allow it with --insecure-http", ErrUnusable)
	}
	t := c.secure
	if u.Scheme == "http" {
		t = c.here
	}
	client, err := minio.NewCore(u.Host, &minio.Options{
		Creds: c.credentials(endpoint == aws), Secure: u.Scheme == "https", Transport: bounded{t}, MaxRetries: 1,
		Region: cmpOr(c.o.Region, get("AWS_REGION"), get("AWS_DEFAULT_REGION")),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: the endpoint of s3:// (source.s3.endpoint, $AWS_ENDPOINT_URL_S3): %w", ErrUnusable, err)
	}
	client.SetAppInfo("importer", "1")
	c.s3 = &bucketClient{*client}
	return c.s3, nil
}

// credentials are looked for in the usual places: the environment, the shared file, and
// where the machine is one of AWS what that gives it. Without any the request is anonymous.
func (c *Client) credentials(aws bool) *credentials.Credentials {
	get := c.o.Getenv
	if id, secret := get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY"); id != "" && secret != "" {
		return credentials.NewStaticV4(id, secret, get("AWS_SESSION_TOKEN"))
	}
	chain := []credentials.Provider{&credentials.FileAWSCredentials{Profile: get("AWS_PROFILE")}}
	given := slices.ContainsFunc([]string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		func(name string) bool { return get(name) != "" })
	if (aws || given) && get("AWS_EC2_METADATA_DISABLED") != "true" {
		chain = append(chain, &credentials.IAM{Client: &http.Client{Timeout: 3 * time.Second}, Region: get("AWS_REGION")})
	}
	return credentials.NewChainCredentials(chain)
}

func cmpOr(all ...string) string {
	for _, s := range all {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}

// findKeys finds the objects of s3://bucket/key, where the key may be a glob.
func (c *Client) findKeys(source string) ([]*Object, error) {
	shown := address.Shown(source)
	bucket, key, _ := strings.Cut(source[len("s3://"):], "/")
	switch {
	case strings.ContainsAny(bucket, "@:"):
		return nil, fmt.Errorf("%s: %w: credentials do not stand in the address; they are taken from $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY, or from ~/.aws/credentials", shown, ErrUnusable)
	case bucket == "":
		return nil, fmt.Errorf("%s: %w: it names no bucket: write s3://bucket/key", shown, ErrUnusable)
	case key == "" || strings.HasSuffix(key, "/"):
		return nil, fmt.Errorf("%s: %w: it names no object: name one, or a glob such as %s", shown, ErrUnusable, strings.TrimSuffix(shown, "/")+"/*.csv")
	}
	client, err := c.buckets()
	if err != nil {
		return nil, err
	}
	if !strings.ContainsAny(key, "*?[") {
		return []*Object{c.bucketObject(client, bucket, key)}, nil
	}
	if _, err := path.Match(key, ""); err != nil {
		return nil, fmt.Errorf("%s: %w: not a valid glob", shown, ErrUnusable)
	}
	keys, err := c.listKeys(client, bucket, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown, err)
	}
	var all []*Object
	for _, k := range keys {
		all = append(all, c.bucketObject(client, bucket, k))
	}
	return all, nil
}

// listKeys are the keys that a glob matches, sorted; the glob alone, where it is a key.
func (c *Client) listKeys(client *bucketClient, bucket, glob string) (keys []string, err error) {
	for attempt := 0; ; attempt++ {
		keys, err = c.listOnce(client, bucket, glob)
		f, isFault := errors.AsType[*fault](err)
		switch {
		case err == nil && slices.Contains(keys, glob):
			return []string{glob}, nil
		case err == nil && len(keys) == 0:
			return nil, fmt.Errorf("%w: no key matches", ErrNotThere)
		case err == nil:
			slices.Sort(keys)
			return keys, nil
		case c.o.Context.Err() != nil:
			return nil, context.Cause(c.o.Context)
		case isFault && f.final:
			return nil, f.err
		case attempt == len(pauses):
			return nil, fmt.Errorf("%w: its keys cannot be listed: %w", ErrAway, err)
		}
		if err := c.o.Pause(c.o.Context, pauses[attempt]); err != nil {
			return nil, err
		}
	}
}

func (c *Client) listOnce(client *bucketClient, bucket, glob string) (keys []string, err error) {
	ctx, cancel := context.WithCancelCause(c.o.Context)
	defer cancel(nil)
	silence := time.AfterFunc(c.o.Timeout, func() { cancel(errSilent) })
	defer silence.Stop()
	fixed := glob[:strings.IndexAny(glob, "*?[")]
	deep := strings.Contains(glob[len(fixed):], "/")
	seen := 0
	for o := range client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: fixed, Recursive: deep}) {
		silence.Reset(c.o.Timeout)
		if o.Err != nil {
			if context.Cause(ctx) == errSilent {
				return nil, fmt.Errorf("%w for %v", errSilent, c.o.Timeout)
			}
			return nil, bucketFault(o.Err)
		}
		if seen++; seen > maxKeys {
			return nil, never(fmt.Errorf("%w: more than %d keys begin with %s: write more of the key before the first * ? or [", ErrUnusable, maxKeys, plain.Line(fixed)))
		}
		if match, _ := path.Match(glob, o.Key); (match || o.Key == glob) && !strings.HasSuffix(o.Key, "/") { // the glob is valid
			keys = append(keys, o.Key)
		}
	}
	return keys, nil
}

func (c *Client) bucketObject(client *bucketClient, bucket, key string) *Object {
	o := &Object{Name: "s3://" + bucket + "/" + key, client: c, was: version{length: -1}}
	o.fetch = func(ctx context.Context, from int64) (*part, error) {
		return client.fetch(ctx, bucket, key, o, from)
	}
	return o
}

// fetch asks for an object from an offset on, if it is still the same.
func (b *bucketClient) fetch(ctx context.Context, bucket, key string, o *Object, from int64) (*part, error) {
	var opts minio.GetObjectOptions
	opts.Set("Accept-Encoding", "identity")
	if o.known && o.was.tag != "" {
		opts.Set("If-Match", o.was.tag)
	}
	if from > 0 {
		opts.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	ctx, wire := onWire(ctx)
	body, _, h, err := b.GetObject(ctx, bucket, key, opts)
	if err != nil {
		return nil, bucketFault(err)
	}
	p := &part{body: body, sure: true, is: version{tag: h.Get("ETag"), modified: h.Get("Last-Modified"), id: h.Get("X-Amz-Version-Id"), length: -1}}
	begin, length, isPart := contentRange(h.Get("Content-Range"))
	switch {
	case isPart && begin == from:
		p.from, p.is.length = begin, length
	case isPart:
		body.Close()
		return nil, never(fmt.Errorf("%w: the server answers with another part than was asked for", ErrAway))
	default:
		if _, err := fmt.Sscan(h.Get("Content-Length"), &p.is.length); err != nil {
			body.Close()
			return nil, never(fmt.Errorf("%w: the server does not say how long the object is", ErrAway))
		}
	}
	p.wire, p.length = wire(), p.is.length-p.from
	return p, nil
}

// bucketFault says what an error of a bucket means.
func bucketFault(err error) error {
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok || answer.StatusCode == 0 && answer.Code == "" {
		return explain(err)
	}
	said := plain.Cut(plain.Line(answer.Error()), 300)
	if answer.Code != "" {
		said = plain.Line(answer.Code) + ": " + said
	}
	status := answer.StatusCode
	switch {
	case status == http.StatusPreconditionFailed, status == http.StatusRequestedRangeNotSatisfiable, answer.Code == "PreconditionFailed", answer.Code == "InvalidRange":
		return fmt.Errorf("%w since it was opened: %s%s", ErrChanged, said, again)
	case status == http.StatusNotFound:
		return never(fmt.Errorf("%w: %s", ErrNotThere, said))
	case status == http.StatusBadRequest: // a name that no bucket has, a region that is another one
		return never(fmt.Errorf("%w: %s", ErrUnusable, said))
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return never(fmt.Errorf("%w: %s; look at $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY and $AWS_PROFILE, and at what they may read", ErrNotThere, said))
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, answer.Code == "SlowDown":
		return errors.New(said)
	case isRedirect(status):
		return never(fmt.Errorf("%w: %s: the bucket is in another region or at another endpoint; source.s3.region and source.s3.endpoint name them", ErrAway, said))
	}
	return never(fmt.Errorf("%w: %s", ErrAway, said))
}
