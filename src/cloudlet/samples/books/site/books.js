"use strict";

const api = window.BOOKS_API.replace(/\/$/, "");
const form = document.getElementById("editor");
const list = document.getElementById("books");
const error = document.getElementById("error");
let editing = null;

async function call(method, path, body) {
  const response = await fetch(api + path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(answer?.message ?? `The API answered ${response.status}.`);
  return answer;
}

function show(problem) {
  error.hidden = !problem;
  error.textContent = problem?.message ?? "";
}

function edit(book) {
  editing = book;
  for (const field of ["title", "author", "year"]) form.elements[field].value = book?.[field] ?? "";
  document.getElementById("editor-title").textContent = book ? "Edit the book" : "Add a book";
  document.getElementById("save").textContent = book ? "Save" : "Add book";
  document.getElementById("cancel").hidden = !book;
  show(null);
  if (book) form.elements.title.focus();
}

function hue(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

function row(book) {
  const item = document.getElementById("book").content.firstElementChild.cloneNode(true);
  item.dataset.id = book.id;
  item.querySelector(".title").textContent = book.title;
  item.querySelector(".author").textContent = book.author;
  item.querySelector(".year").textContent = book.year;
  item.querySelector(".spine").style.setProperty("--spine", `hsl(${hue(book.author)} 45% 55%)`);
  item.querySelector(".edit").addEventListener("click", () => edit(book));
  item.querySelector(".delete").addEventListener("click", () => act(async () => {
    await call("DELETE", `/books/${encodeURIComponent(book.id)}`);
    if (editing?.id === book.id) edit(null);
  }));
  return item;
}

async function load() {
  const books = await call("GET", "/books");
  list.replaceChildren(...books.map(row));
  document.getElementById("empty").hidden = books.length > 0;
  document.getElementById("count").textContent = books.length === 1 ? "1 book" : `${books.length} books`;
}

async function act(work) {
  const save = document.getElementById("save");
  save.disabled = true;
  try {
    show(null);
    await work();
    await load();
  } catch (problem) {
    show(problem);
  } finally {
    save.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { title, author, year } = form.elements;
  const book = { title: title.value.trim(), author: author.value.trim(), year: Number(year.value) };
  act(async () => {
    if (editing) await call("PUT", `/books/${encodeURIComponent(editing.id)}`, book);
    else await call("POST", "/books", book);
    form.reset();
    edit(null);
  });
});
document.getElementById("cancel").addEventListener("click", () => edit(null));
act(async () => {});
