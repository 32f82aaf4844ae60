// Package importer is the domain and the engine of the import.
//
// It knows what a Profile, a Row and an Outcome are, and how rows travel from a
// source through the Contact Profiles API into a report:
//
//	source ──► reader ──► feeder ──► workers ──► recorder ──► report
//	                        │           │  ▲
//	                        │           ▼  │ send again
//	                        └──────► in doubt ──► recorder
//
// The feeder announces rows in the report before any of them can reach the API.
// A row whose answer was lost is in doubt: it is looked up before it is sent
// again. The recorder alone counts and appends outcomes.
//
// The package imports no sibling. What it needs of the others it declares as
// interfaces: API, Report, Rejects. It reads no clock and no random source but
// those of the standard library, so that testing/synctest runs it in virtual
// time.
package importer
