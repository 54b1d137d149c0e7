"""The questions of a service's own: the editor, and beside it what patients see."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms.validators import InputRequired, Length, ValidationError

from portal.catalogue import entries
from portal.catalogue import questions as edits
from portal.catalogue.models import FormPurpose
from portal.catalogue.questions import Wanted
from portal.catalogue.said import VALUES
from portal.db import Json
from portal.intake.definition import BadForm, Form, Kind, parse
from portal.web.htmx import go
from portal.web.staff.catalogue import desk, overview, services
from portal.web.staff.catalogue.desk import bp
from portal.web.staff.catalogue.fields import Choice, Flag, Text, Words
from portal.web.staff.fields import offered

EVERYBODY = ""
LONGEST = Length(max=500, message="Use 500 letters at most.")


class TitleForm(FlaskForm):
    title = Words("Title", validators=[InputRequired("Enter a title."), LONGEST])


class QuestionForm(FlaskForm):
    label = Words("Question", validators=[InputRequired("Enter the question."), LONGEST])
    kind = Choice("How it is answered", choices=offered((each.value, VALUES[each]) for each in Kind))
    choices = Text("Choices, one on each line")
    required = Flag("It needs an answer")
    hint = Words("Help under the question (optional)", validators=[LONGEST])
    why = Words("Why we ask (optional)", validators=[LONGEST])
    asked = Choice("Who is asked")

    def validate_choices(self, field: Text) -> None:
        lines = self.lines()
        if self.kind.data in (Kind.CHOICE, Kind.CHOICES) and (len(lines) < 2 or len(set(lines)) < len(lines)):
            raise ValidationError("Write at least two choices, each on a line of its own and no two alike.")

    def lines(self) -> tuple[str, ...]:
        return tuple(filter(None, (line.strip() for line in self.choices.json.split("\n"))))

    def wanted(self) -> Wanted:
        return Wanted(self.label.json, self.kind.json, self.required.json, self.hint.json, self.why.json, self.lines())

    def opened_by(self) -> tuple[str, str] | None:
        question, _, value = (self.asked.data or "").partition("=")
        return (question, value) if value else None


class NewFormForm(QuestionForm):
    title = Words("Title, such as “About your horse”", validators=[InputRequired("Enter a title."), LONGEST])


@bp.get("/questions/new")
def new_form() -> ResponseReturnValue:
    return _question_page("staff/catalogue/new_questions.html", _new_form(), type_slug=request.args.get("type"))


@bp.post("/questions")
def add_form() -> ResponseReturnValue:
    """A new form with its first question; where a type asked for it, it is that type's."""
    form, type_slug = _new_form(), request.form.get("type") or None
    found = desk.document()
    if type_slug is not None:
        desk.get_type(found, type_slug)
    taken = {each["id"] for each in found["forms"]}
    wanted = f"{entries.slug_of(form.title.json)}-questions"
    slug = services.free_slug(form.title, wanted, taken) if form.validate() else None

    def act(draft: Json) -> None:
        definition = edits.new_form(form.wanted(), form.title.json)
        own = {"purpose": str(FormPurpose.QUESTIONS), "title": form.title.json, "definition": definition}
        draft["forms"].append({"id": slug, **own})
        if type_slug is not None:
            desk.get_type(draft, type_slug)[0]["questions"] = slug

    if slug and desk.try_to_change(form, act, slug):
        return go(url_for(".form_page", slug=slug, kept=1))
    return _question_page("staff/catalogue/new_questions.html", form, type_slug=type_slug), 422


@bp.get("/questions/<slug>")
def form_page(slug: str) -> ResponseReturnValue:
    entry = _get_form(desk.document(), slug)
    return _page(entry, TitleForm(data=entry))


@bp.post("/questions/<slug>")
def save_form(slug: str) -> ResponseReturnValue:
    entry, form = _get_form(desk.document(), slug), TitleForm()
    is_kept = form.validate() and desk.try_to_change(
        form, lambda draft: _get_form(draft, slug).update(title=form.title.json), slug
    )
    return go(url_for(".form_page", slug=slug, kept=1)) if is_kept else (_page(entry, form), 422)


@bp.get("/questions/<slug>/new")
def new_question(slug: str) -> ResponseReturnValue:
    entry = _get_form(desk.document(), slug)
    return _question_page("staff/catalogue/question.html", _form_of_new(entry), entry=entry)


@bp.post("/questions/<slug>/questions")
def add_question(slug: str) -> ResponseReturnValue:
    entry = _get_form(desk.document(), slug)
    form = _form_of_new(entry)

    def act(draft: Json) -> None:
        edits.add(_get_form(draft, slug)["definition"], form.wanted(), form.opened_by())

    if form.validate() and _try(form, act, slug):
        return go(url_for(".form_page", slug=slug, kept=1))
    return _question_page("staff/catalogue/question.html", form, entry=entry), 422


@bp.get("/questions/<slug>/<question>")
def question_page(slug: str, question: str) -> ResponseReturnValue:
    entry, known = _get_question(desk.document(), slug, question)
    return _question_page("staff/catalogue/question.html", _form_of(known), entry=entry, known=known)


@bp.post("/questions/<slug>/<question>")
def save_question(slug: str, question: str) -> ResponseReturnValue:
    entry, known = _get_question(desk.document(), slug, question)
    form = _form_of(known)

    def act(draft: Json) -> None:
        edits.change(_get_form(draft, slug)["definition"], question, form.wanted())

    if form.validate() and _try(form, act, slug):
        return go(url_for(".form_page", slug=slug, kept=1))
    return _question_page("staff/catalogue/question.html", form, entry=entry, known=known), 422


@bp.post("/questions/<slug>/<question>/removal")
def remove_question(slug: str, question: str) -> ResponseReturnValue:
    _get_question(desk.document(), slug, question)
    desk.change(lambda draft: edits.remove(_get_form(draft, slug)["definition"], question), slug, question)
    return go(url_for(".form_page", slug=slug))


@bp.post("/questions/<slug>/<question>/place")
def move_question(slug: str, question: str) -> ResponseReturnValue:
    _get_question(desk.document(), slug, question)
    by = overview.asked_way()
    desk.change(lambda draft: edits.move(_get_form(draft, slug)["definition"], question, by), slug, question)
    return go(url_for(".form_page", slug=slug) + f"#question-{question}")


def read(entry: Json, found: Json) -> Form:
    """The form as patients are asked. Raises BadForm."""
    return parse(entry["definition"], [(each["id"], each["name"]) for each in found["services"]])


def _try(form: FlaskForm, act: Any, slug: str) -> bool:
    """Also the form as a whole must be one that can be asked."""

    def checked(draft: Json) -> None:
        act(draft)
        read(_get_form(draft, slug), draft)

    try:
        return desk.try_to_change(form, checked, slug)
    except BadForm as error:
        form.form_errors = [*form.form_errors, str(error)]
        return False


def _get_form(found: Json, slug: str) -> Json:
    entry = desk.get_named(found, "forms", slug)
    return entry if entry["purpose"] == FormPurpose.QUESTIONS else abort(404)


def _get_question(found: Json, slug: str, question: str) -> tuple[Json, Json]:
    entry = _get_form(found, slug)
    return entry, desk.there(edits.find(entry["definition"], question))


def _new_form() -> NewFormForm:
    form = NewFormForm()
    form.asked.choices = offered([(EVERYBODY, "Everybody")])
    return form


def _form_of_new(entry: Json) -> QuestionForm:
    form = QuestionForm()
    openings = [(f"{id}={value}", words) for id, value, words in edits.openings(entry["definition"])]
    form.asked.choices = offered([(EVERYBODY, "Everybody"), *openings])
    return form


def _form_of(known: Json) -> QuestionForm:
    lines = "\n".join(each["label"] for each in known.get("options", []))
    form = QuestionForm(data={**known, "choices": lines})
    form.asked.choices = offered([(EVERYBODY, "Everybody")])
    return form


def _question_page(template: str, form: QuestionForm, **more: Any) -> str:
    return render_template(template, form=form, **more)


def _page(entry: Json, form: TitleForm) -> str:
    found = desk.document()
    users = [
        (each["type"], f"{service['name']}: {each['name']}")
        for service in found["services"]
        for each in service["appointments"]
        if each["questions"] == entry["id"]
    ]
    return render_template(
        "staff/catalogue/questions.html", entry=entry, form=form, asked=read(entry, found), users=users, kinds=VALUES
    )
