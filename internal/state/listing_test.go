package state

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"importer/importer/contact"
)

func TestListingFindsEachProfileOnceByAnyContactID(t *testing.T) {
	l := &Listing{}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	if found, err := l.Find([]string{"a1"}); err != nil || len(found) != 0 {
		t.Errorf("an empty list holds %+v, %v", found, err)
	}
	var page []contact.Found
	for i := range 100 {
		page = append(page, contact.Found{
			ID: fmt.Sprintf("%024d", i), ContactIDs: []string{fmt.Sprint("a", i), fmt.Sprint("b", i)},
			Fields: []contact.Field{{Name: "age", Value: []byte("42")}}, Active: i%2 == 0, LastChanged: time.Unix(int64(1000+i), 0).UTC(),
		})
	}
	for _, want := range []int{100, 0} { // the same page again brings nothing new
		if n, err := l.Add(page); err != nil || n != want {
			t.Fatalf("%d added, %v; want %d", n, err, want)
		}
	}
	if l.Len() != 100 {
		t.Errorf("holds %d profiles, want 100", l.Len())
	}
	found, err := l.Find([]string{"b7", "a7", "nobody"})
	if err != nil || len(found) != 1 || !reflect.DeepEqual(found[0], page[7]) {
		t.Errorf("found %+v, %v; want %+v", found, err, page[7])
	}
	if found, err = l.Find([]string{"a1", "b2"}); err != nil || len(found) != 2 {
		t.Errorf("found %+v, %v; want two profiles", found, err)
	}
	if found, err = l.Find([]string{"A1"}); err != nil || len(found) != 0 {
		t.Errorf("found %+v, %v; want none: case counts", found, err)
	}
}
