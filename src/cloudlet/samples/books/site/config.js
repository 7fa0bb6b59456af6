// Replaced at deployment: `cloudlet demo` and the README's commands write the API's address here.
window.BOOKS_API = "";
