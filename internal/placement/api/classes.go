package api

import (
	"encoding/json"
	"net/http"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/placement"
)

func (a *API) classRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/resource_classes", Status: 200, Min: "1.2", Rule: may("resource_classes:list"), Do: httpapi.Get(a.listClasses)},
		{Method: "POST", Path: "/resource_classes", Status: 201, Min: "1.2", Rule: may("resource_classes:create"),
			Bodies: httpapi.Schemas{"1.2": "class_create.json"}, Do: httpapi.JSON(a.createClass)},
		{Method: "GET", Path: "/resource_classes/{name}", Status: 200, Min: "1.2", Rule: may("resource_classes:show"), Do: httpapi.Get(a.showClass)},
		{Method: "PUT", Path: "/resource_classes/{name}", Status: 200, Min: "1.2", Max: "1.6", Rule: may("resource_classes:update"),
			Bodies: httpapi.Schemas{"1.2": "class_create.json"}, Do: httpapi.JSON(a.renameClass)},
		{Method: "PUT", Path: "/resource_classes/{name}", Status: 201, Min: "1.7", Rule: may("resource_classes:update"), Do: httpapi.Get(a.ensureClass)},
		{Method: "DELETE", Path: "/resource_classes/{name}", Status: 204, Min: "1.2", Rule: may("resource_classes:delete"), Do: httpapi.Get(a.deleteClass)},
	}
}

type classView struct {
	Name  string `json:"name"`
	Links []link `json:"links"`
}

func newClassView(rc placement.ResourceClass) classView {
	return classView{rc.Name, []link{{"self", "/resource_classes/" + rc.Name}}}
}

type classesView struct {
	ResourceClasses []classView `json:"resource_classes"`
}

func (a *API) listClasses(c *httpapi.Call) (classesView, error) {
	all, err := a.svc.ResourceClasses(c.Ctx())
	v := classesView{ResourceClasses: []classView{}}
	for _, rc := range all {
		v.ResourceClasses = append(v.ResourceClasses, newClassView(rc))
	}
	fresh(c, time.Time{})
	return v, err
}

type classBody struct {
	Name string `json:"name"`
}

func (a *API) createClass(c *httpapi.Call, b classBody) (httpapi.None, error) {
	created, err := a.svc.CreateResourceClass(c.Ctx(), b.Name)
	if err == nil && !created {
		err = fault.Conflict("Conflicting resource class already exists: %s", b.Name)
	}
	c.Header().Set("Location", c.BaseURL()+"/resource_classes/"+b.Name)
	return httpapi.None{}, err
}

func (a *API) showClass(c *httpapi.Call) (classView, error) {
	rc, err := a.svc.ResourceClass(c.Ctx(), c.Param("name"))
	if err != nil {
		return classView{}, err
	}
	fresh(c, rc.UpdatedAt)
	return newClassView(rc), nil
}

func (a *API) renameClass(c *httpapi.Call, b classBody) (classView, error) {
	if err := a.svc.RenameResourceClass(c.Ctx(), c.Param("name"), b.Name); err != nil {
		return classView{}, err
	}
	return newClassView(placement.ResourceClass{Name: b.Name}), nil
}

func (a *API) ensureClass(c *httpapi.Call) (httpapi.None, error) {
	name := c.Param("name")
	body, err := json.Marshal(classBody{name})
	if err == nil {
		err = c.CheckBody("class_create.json", body)
	}
	if err != nil {
		return httpapi.None{}, err
	}
	created, err := a.svc.CreateResourceClass(c.Ctx(), name)
	if err != nil {
		return httpapi.None{}, err
	}
	if !created {
		c.SetStatus(http.StatusNoContent)
	}
	c.Header().Set("Location", c.BaseURL()+"/resource_classes/"+name)
	return httpapi.None{}, nil
}

func (a *API) deleteClass(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteResourceClass(c.Ctx(), c.Param("name"))
}
