package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// ErrNotShared refuses members of an image that is not shared; each call has
// its own sentence for it.
var ErrNotShared = errors.New("only shared images have members")

func shared(img glance.Image) error {
	if img.Visibility != glance.Shared {
		return ErrNotShared
	}
	return nil
}

// Members lists the members of a shared image: all of them to its owner, to a
// member itself only.
func (s *Service) Members(ctx context.Context, img glance.Image) ([]glance.Member, error) {
	if err := shared(img); err != nil {
		return nil, err
	}
	all, err := s.store.Members(ctx, img.ID)
	return slices.DeleteFunc(all, func(m glance.Member) bool { return !seesMember(ctx, img, m.Project) }), err
}

// Member is one member of a shared image.
func (s *Service) Member(ctx context.Context, img glance.Image, project string) (glance.Member, error) {
	if err := shared(img); err != nil {
		return glance.Member{}, err
	}
	m, err := s.store.Member(ctx, img.ID, project)
	if err == nil && !seesMember(ctx, img, project) {
		err = db.ErrNoRow
	}
	return m, noMember(err, img.ID, project)
}

func seesMember(ctx context.Context, img glance.Image, project string) bool {
	caller := auth.Caller(ctx)
	return caller.Admin || caller.ProjectID == img.Owner || caller.ProjectID == project
}

func noMember(err error, imageID, project string) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("%s not found in the member list of the image %s.", project, imageID)
	}
	return err
}

// AddMember offers a shared image to a project.
func (s *Service) AddMember(ctx context.Context, img glance.Image, project string) (glance.Member, error) {
	if err := shared(img); err != nil {
		return glance.Member{}, err
	}
	now := s.clock.Now().Truncate(time.Second)
	m := glance.Member{ImageID: img.ID, Project: project, Status: glance.Pending, CreatedAt: now, UpdatedAt: now}
	err := s.store.InsertMember(ctx, m, func(have int) error {
		if !over(have+1, s.config.ImageMemberQuota) {
			return nil
		}
		return fault.TooLarge("Image member limit exceeded for image %s: The limit has been exceeded on the number "+
			"of allowed image members for this image. Attempted: %d, Maximum: %d:", img.ID, have+1, s.config.ImageMemberQuota)
	})
	if errors.Is(err, db.ErrDuplicate) {
		return m, fault.Conflict("Member %s is duplicated for image %s", project, img.ID)
	} else if err != nil {
		return m, err
	}
	s.notify(ctx, "image.member.create", memberEvent(m))
	return m, nil
}

// AnswerMember records a member's answer to the offer.
func (s *Service) AnswerMember(ctx context.Context, m glance.Member, status string) (glance.Member, error) {
	if status != glance.Pending && status != glance.Accepted && status != glance.Rejected {
		return m, fault.BadRequest(`Incorrect request: Status must be "pending", "accepted" or "rejected".`)
	}
	m.Status, m.UpdatedAt = status, s.clock.Now().Truncate(time.Second)
	if err := s.store.UpdateMember(ctx, m); err != nil {
		return m, noMember(err, m.ImageID, m.Project)
	}
	s.notify(ctx, "image.member.update", memberEvent(m))
	return m, nil
}

// DeleteMember ends a membership.
func (s *Service) DeleteMember(ctx context.Context, m glance.Member) error {
	if err := s.store.DeleteMember(ctx, m.ImageID, m.Project); err != nil {
		return noMember(err, m.ImageID, m.Project)
	}
	s.notify(ctx, "image.member.delete", memberEvent(m))
	return nil
}

func memberEvent(m glance.Member) map[string]any {
	return map[string]any{"image_id": m.ImageID, "member_id": m.Project, "status": m.Status,
		"created_at": isoTime(m.CreatedAt), "updated_at": isoTime(m.UpdatedAt), "deleted": false, "deleted_at": nil}
}

func isoTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
