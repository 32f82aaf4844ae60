package cognigy

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// A server repeats the key in any of the ways in which it can still be read.
func TestRedact(t *testing.T) {
	for _, key := range []string{"PlainKey0123456789abcdef", `odd+/="<&key'0123456789`, "0123456789abcdef0123456789abcdef01"} {
		x := exchange{key: key}
		quoted, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		forms := map[string]string{
			"as it is": key, "query": url.QueryEscape(key), "path": url.PathEscape(key), "upper case": strings.ToUpper(key),
			"base64": base64.StdEncoding.EncodeToString([]byte(key)), "base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(key)),
			"hexadecimal": hex.EncodeToString([]byte(key)),
		}
		for name, each := range map[string]string{"JSON": `\u%04X`, "query, all of it": "%%%02X", "HTML": "&#%d;"} {
			form := ""
			for _, c := range []byte(key) {
				form += fmt.Sprintf(each, c)
			}
			forms[name] = form
		}
		for _, of := range [][2]rune{{0, 0x20}, {0x7f, 0xa0}, {0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
			{0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe007f}} {
			for r := of[0]; r <= of[1]; r++ { // whatever is left out when the text is shown
				forms["with "+strconv.QuoteRune(r)] = key[:9] + string(r) + key[9:]
			}
		}
		for name, form := range forms {
			got := x.redact("the key " + form + " is unknown")
			if shown := clean(got); strings.Contains(shown, key[:12]) || strings.Contains(shown, strings.Trim(string(quoted), `"`)[:12]) || !strings.HasPrefix(shown, "the key [API key]") || !strings.HasSuffix(shown, " is unknown") {
				t.Errorf("%s, %q: %q", key, name, shown)
			}
		}
		if got := x.redact(key + " and " + key); got != "[API key] and [API key]" {
			t.Errorf("twice: %q", got)
		}
	}
	if s := "nothing of it"; (exchange{key: "PlainKey0123456789abcdef"}).redact(s) != s {
		t.Error("a text without the key was changed")
	}
}
