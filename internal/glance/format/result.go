package format

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Raw is the format of what is no other format.
const Raw = "raw"

// Result is what an image turned out to be.
type Result struct {
	Size  int64   // bytes of the image
	Found []Found // every format whose marks are there; none means raw
}

// Found is one format of an image.
type Found struct {
	Format      string
	VirtualSize int64 // bytes of the disk a guest would see; 0 if the header does not say
	Violations  []Violation
}

// Violation is one reason why an image is not safe to open.
type Violation struct{ Check, Reason string }

// Mismatch is an image that is not what its owner says it is.
type Mismatch struct {
	Reason  string
	Unknown bool // it is no other format either: nothing was recognised in it
}

func (e *Mismatch) Error() string { return e.Reason }

// Unsafe is an image that must never be opened. Its text is for the operator.
type Unsafe struct {
	Format     string
	Violations []Violation
}

func (e *Unsafe) Error() string {
	why := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		why[i] = v.Check + ": " + v.Reason
	}
	return e.Format + ": " + strings.Join(why, ", ")
}

// known are the disk formats that Inspector can tell from raw.
var known = []string{Raw, "qcow2", "vhd", "vhdx", "vmdk", "vdi", "qed", "iso", "gpt", "luks", "ploop", "ova"}

// Verify checks the image against the disk format its owner declared and gives
// its virtual size in bytes, 0 if unknown. An image declared raw may be
// anything that is safe. The error is a *Mismatch or an *Unsafe.
func (r Result) Verify(declared string) (int64, error) {
	found, err := r.one()
	if err != nil {
		return 0, err
	}
	var size int64
	switch {
	case found.Format == declared:
		size = found.VirtualSize
	case declared == Raw:
		size = r.Size
	case found.Format == Raw && !slices.Contains(known, declared): // ami and the like
	case found.Format == "gpt" && (declared == "aki" || declared == "ami"): // kernels for x86 begin with a boot sector
		return 0, nil
	default:
		return 0, &Mismatch{Unknown: found.Format == Raw,
			Reason: fmt.Sprintf("Image disk_format %s does not match stream data %s", declared, found.Format)}
	}
	return size, found.safe()
}

// Safe checks only that no format found in the image is dangerous to open. A
// boot sector is no format here: kernels begin with one.
func (r Result) Safe() error {
	for _, f := range r.Found {
		if f.Format == "gpt" {
			continue
		}
		if err := f.safe(); err != nil {
			return err
		}
	}
	return nil
}

// VerifyArchive checks an image declared to be an OVA. The error is a *Mismatch
// or an *Unsafe.
func (r Result) VerifyArchive() error {
	found, err := r.one()
	switch {
	case err != nil:
		return err
	case found.Format != "ova":
		return &Mismatch{Unknown: found.Format == Raw, Reason: "Image container_format ova does not match stream data " + found.Format}
	}
	return found.safe()
}

// one is the single format of the image. A bootable ISO may begin with a
// partition table; any other two formats in one file are an attack.
func (r Result) one() (Found, error) {
	names := make([]string, len(r.Found))
	for i, f := range r.Found {
		names[i] = f.Format
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return Found{Format: Raw, VirtualSize: r.Size}, nil
	case len(names) == 1:
		return r.Found[0], nil
	case slices.Equal(names, []string{"gpt", "iso"}):
		i := slices.IndexFunc(r.Found, func(f Found) bool { return f.Format == "iso" })
		return r.Found[i], nil
	}
	return Found{}, &Mismatch{Reason: "Multiple formats detected: " + strings.Join(names, ",")}
}

func (f Found) safe() error {
	if len(f.Violations) == 0 {
		return nil
	}
	return &Unsafe{Format: f.Format, Violations: f.Violations}
}

// refuse notes a violation when bad; what is wrong a thousand times is noted once.
func (f *Found) refuse(bad bool, check, reason string) {
	if v := (Violation{check, reason}); bad && !slices.Contains(f.Violations, v) {
		f.Violations = append(f.Violations, v)
	}
}

// sized sets the virtual size, which a header may claim to be anything.
func (f *Found) sized(bytes uint64) *Found {
	if bytes > math.MaxInt64 {
		f.refuse(true, "size", "The virtual size is out of range")
		return f
	}
	f.VirtualSize = int64(bytes)
	return f
}

// sectors is n sectors of 512 bytes, or a number out of range.
func sectors(n uint64) uint64 {
	if n > math.MaxInt64/512 {
		return math.MaxUint64
	}
	return n * 512
}
