/* SPDX-License-Identifier: Apache-2.0 */

/* The sections that have all words of a query, best first: those with more of the words in their headings, or titles,
   and among equal ones those with more whole words. A section is [title, heading, address, text]. */
function found(sections, query) {
  var words = query.toLowerCase().split(/\s+/).filter(function (word) { return word.length > 0; });
  var hits = [];
  sections.forEach(function (section) {
    var title = section[0].toLowerCase();
    var heading = section[1].toLowerCase();
    var text = section[3].toLowerCase();
    var score = 0;
    var all = words.every(function (word) {
      var places = (heading.indexOf(word) >= 0 ? 8 : 0) + (title.indexOf(word) >= 0 ? 4 : 0)
          + (whole(text, word) ? 2 : text.indexOf(word) >= 0 ? 1 : 0);
      score += places;
      return places > 0;
    });
    if (all && words.length > 0) {
      hits.push({ section: section, score: score });
    }
  });
  // Stable: equal ones stay in reading order.
  hits.sort(function (a, b) { return b.score - a.score; });
  return hits.slice(0, 20).map(function (hit) { return hit.section; });
}

function whole(text, word) {
  for (var at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!/\w/.test(text.charAt(at - 1)) && !/\w/.test(text.charAt(at + word.length))) {
      return true;
    }
  }
  return false;
}

/* Some words of the text around the first word of the query. */
function excerpt(text, query) {
  var at = text.toLowerCase().indexOf(query.toLowerCase().split(/\s+/)[0]);
  var from = at <= 60 ? 0 : text.lastIndexOf(' ', at - 50) + 1;
  var words = text.substring(from, from + 180);
  return (from > 0 ? '... ' : '') + (text.length > from + 180 ? words.replace(/ [^ ]*$/, ' ...') : words);
}

if (typeof document !== 'undefined') {
  (function () {
    var root = document.currentScript.getAttribute('data-root');
    document.addEventListener('DOMContentLoaded', function () {
      var field = document.getElementById('page-search');
      var list = document.getElementById('pages-found');
      var asked = false;
      var isLoaded = false;

      function show() {
        list.textContent = '';
        list.hidden = field.value.trim() === '' || !isLoaded;
        if (list.hidden) {
          return;
        }
        var hits = found(sections, field.value);
        hits.forEach(function (section) {
          var link = document.createElement('a');
          link.href = root + section[2];
          link.textContent = section[0] === section[1] ? section[0] : section[0] + ': ' + section[1];
          var words = document.createElement('p');
          words.textContent = excerpt(section[3], field.value.trim());
          var item = document.createElement('li');
          item.appendChild(link);
          item.appendChild(words);
          list.appendChild(item);
        });
        if (hits.length === 0) {
          list.textContent = 'No section has all these words.';
        }
      }

      field.hidden = false;
      field.addEventListener('focus', function () {
        if (!asked) {
          asked = true;
          var script = document.createElement('script');
          script.src = root + 'sections.js';
          script.onload = function () {
            isLoaded = true;
            show();
          };
          document.head.appendChild(script);
        }
      });
      field.addEventListener('input', show);
      field.addEventListener('keydown', function (event) {
        if (event.key === 'Escape') {
          field.value = '';
          show();
        }
      });
    });
  })();
}
