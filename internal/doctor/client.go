package doctor

import (
	"context"
	"errors"
	"fmt"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
)

// A Client is an API that is asked within the quota and the time of a check.
type Client struct {
	*cognigy.Client
	Pacer    *pace.Pacer
	Progress *contact.Progress
	Rate     pace.Rate
}

// Ask implements API.
func (c Client) Ask(ctx context.Context, a cognigy.Ask) (cognigy.Raw, error) {
	return soon(ctx, c, func(ctx context.Context) (cognigy.Raw, error) { return c.Client.Ask(ctx, a) })
}

// GetSchema implements API.
func (c Client) GetSchema(ctx context.Context) (cognigy.Schema, error) {
	return soon(ctx, c, c.Client.GetSchema)
}

// soon makes one request, once, where the quota lets it leave within the time of a
// check.
func soon[T any](ctx context.Context, c Client, ask func(context.Context) (T, error)) (answer T, err error) {
	waiting, cancel := Limited(ctx)
	defer cancel()
	err = pace.Request(waiting, c.Pacer, c.Progress, pace.Patience{Throttled: 1}, func(ctx context.Context) (err error) {
		ctx, cancel := Limited(ctx)
		defer cancel()
		answer, err = ask(ctx)
		return err
	})
	if _, sent := errors.AsType[*contact.APIError](err); err != nil && !sent && ctx.Err() == nil {
		err = fmt.Errorf("the quota %s lets no request leave within %v", c.Rate, Limit)
	}
	return answer, err
}
