package importer

import (
	"context"
	"time"

	"importer/importer/contact"
)

// API is what the engine needs of the Contact Profiles API. Implemented by
// cognigy.Client.
//
// Each call is exactly one HTTP request, because each one costs quota. No call
// retries. Every error is an *APIError. The calls are safe for concurrent use.
// The caller bounds a call by its context.
type API interface {
	// Create creates a profile.
	Create(ctx context.Context, p contact.Profile) (contact.CreateResult, error)
	// List reads one page of the project's profiles.
	List(ctx context.Context, q contact.ListQuery) (contact.ListPage, error)
	// Get reads one profile. Unlike a list, it tells when the profile was created.
	Get(ctx context.Context, id string) (contact.Found, error)
	// Update changes the members of a profile that are not nil in p. Whether the
	// fields of p are merged into those of the profile or replace them is not known. It
	// returns the profile as the answer shows it; the zero value where it shows none.
	Update(ctx context.Context, id string, p contact.Profile) (contact.Found, error)
	// Delete deletes a profile.
	Delete(ctx context.Context, id string) error
	// Merge merges the profile that holds a contact id into another, and returns the
	// id of the one that is left; empty where the answer did not tell.
	Merge(ctx context.Context, id, contactID string) (string, error)
	// ClockSkew is how far the server's clock is ahead of ours, at least and at
	// most, as its answers tell; false before the first answer that does. It
	// sends nothing.
	ClockSkew() (least, most time.Duration, known bool)
}
