// Package region tells which country phone numbers without a country code are from.
package region

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"importer/source/mapping/dates"
)

// MaxNumbers is how many phone numbers need to vote, each in maxRegions at most.
const MaxNumbers, maxRegions = 200, 20

// votes are what speaks for the country of phone numbers.
type votes struct{ valid, abroad, mobile int }

func (v votes) compare(w votes) int {
	return cmp.Or(v.valid-w.valid, v.abroad-w.abroad, v.mobile-w.mobile)
}

// Vote lets numbers vote for the country in which they are valid, and says how they did;
// without a country it says why there is none, where one is needed. Those without a
// country code decide where there are any, because the region is for them; between two
// countries the others decide, and then in which more of them are mobile. Plausible are
// regions beside those that other numbers are from.
func Vote(numbers, plausible []string) (region, why string) {
	tally := make(map[int]votes)
	var national []string
	seen := 0
	for _, s := range numbers {
		n, err := phonenumbers.Parse(s, "")
		switch {
		case err == nil && phonenumbers.IsValidNumber(n):
			v := tally[int(n.GetCountryCode())]
			v.abroad++
			tally[int(n.GetCountryCode())] = v
			seen++
		case err != nil:
			national = append(national, s)
		}
	}
	what, of := "numbers without a country code", len(national)
	if of > 0 {
		count(national, plausible, tally)
	} else {
		what, of = "numbers", seen
		for code, v := range tally {
			tally[code] = votes{valid: v.abroad}
		}
	}
	if of == 0 {
		return "", ""
	}
	codes := slices.SortedFunc(maps.Keys(tally), func(a, b int) int { return cmp.Or(tally[b].compare(tally[a]), a-b) })
	first, tie := tally[codes[0]], len(codes) > 1 && tally[codes[0]].compare(tally[codes[1]]) == 0
	switch {
	case dates.Mostly(first.valid, of) && !tie:
		return phonenumbers.GetRegionCodeForCountryCode(codes[0]), fmt.Sprintf("%d of %d %s are valid there", first.valid, of, what)
	case len(national) > 0:
		return "", fmt.Sprintf("name the country of the %d of %d numbers without a country code: most are valid in none, or in several", len(national), seen+len(national))
	}
	return "", ""
}

// count counts by country code how many numbers are valid there: in the regions, and in those that other numbers are from.
func count(national, regions []string, tally map[int]votes) {
	regions = slices.Clone(regions)
	for _, code := range slices.Sorted(maps.Keys(tally)) {
		if region := phonenumbers.GetRegionCodeForCountryCode(code); !slices.Contains(regions, region) && len(regions) < maxRegions {
			regions = append(regions, region)
		}
	}
	for _, region := range regions {
		code := phonenumbers.GetCountryCodeForRegion(region)
		v := tally[code]
		for _, s := range national {
			n, ok := validIn(s, region)
			if !ok || int(n.GetCountryCode()) != code {
				continue
			}
			v.valid++
			if kind := phonenumbers.GetNumberType(n); kind == phonenumbers.MOBILE || kind == phonenumbers.FIXED_LINE_OR_MOBILE {
				v.mobile++
			}
		}
		tally[code] = v
	}
}

// validIn reads a number as one of a region. Where people write a zero before their
// numbers, one without it is not from there, unless it begins with the country code.
func validIn(s, region string) (*phonenumbers.PhoneNumber, bool) {
	n, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return nil, false
	}
	zero := func(s string) bool { return strings.HasPrefix(strings.TrimLeft(s, "( "), "0") }
	code := fmt.Sprint(n.GetCountryCode())
	return n, zero(s) || !zero(phonenumbers.Format(n, phonenumbers.NATIONAL)) || strings.HasPrefix(s, code)
}
