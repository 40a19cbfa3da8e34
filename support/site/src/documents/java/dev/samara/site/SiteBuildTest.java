// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.mozilla.javascript.Context;
import org.mozilla.javascript.Scriptable;

final class SiteBuildTest {
    private static final Path PROJECT = Project.root();

    @TempDir
    private Path folder;

    private void write(String file, String text) throws IOException {
        Path to = folder.resolve("project").resolve(file);
        Files.createDirectories(to.getParent());
        Files.writeString(to, text);
    }

    private List<String> build() throws IOException {
        return SiteBuild.write(folder.resolve("project"), folder.resolve("site"), false);
    }

    private String page(String name) throws IOException {
        return Files.readString(folder.resolve("site").resolve(name));
    }

    @Test
    @DisplayName(
            "each link of the project's Markdown leads to a file and a heading, and so does each link of the pages")
    void ofTheProject() throws IOException {
        Path site = folder.resolve("site");
        assertEquals(List.of(), SiteBuild.write(PROJECT.toRealPath(), site, false));
        try (Stream<Path> files = Files.walk(site)) {
            long pages = files.filter(file -> file.toString().endsWith(".html")).count();
            assertTrue(pages >= 25, "pages: " + pages);
        }
        String first = page("index.html");
        assertTrue(first.contains("href=\"docs/files.html\""), first);
        assertTrue(first.contains("href=\"maple/index.html\">Range tree</a>"), first);
        assertTrue(page("maple/index.html").contains("href=\"../docs/range-tree.html\""));
        assertTrue(Files.exists(site.resolve("docs/charts/lookups.svg")));
        assertTrue(Files.exists(site.resolve("docs/models/fork.pml")));
        assertFalse(first.contains(".md\""), first);
    }

    @Test
    @DisplayName("each page of docs is in the index, so that the list of pages has them in reading order")
    void index() throws IOException {
        String index = Files.readString(PROJECT.resolve("docs/README.md"));
        try (Stream<Path> files = Files.list(PROJECT.resolve("docs"))) {
            for (Path file : files.filter(MarkdownPage::isMarkdown).toList()) {
                String name = file.getFileName().toString();
                assertTrue(name.equals("README.md") || index.contains("| [" + name + "](" + name + ") |"), name);
            }
        }
    }

    @Test
    @DisplayName("the list of pages has the groups of the index, and the title of each page; other pages come last")
    void groups() throws IOException {
        write("README.md", "# A\n");
        write("CHANGELOG.md", "# Changes\n");
        write("CONTRIBUTING.md", "# Contributing\n");
        write("docs/README.md", """
                # D

                **First**

                1. [b](b.md): [c](c.md#gamma)

                **Second**

                1. [b](b.md) [d](d.md)

                **bold** text

                ## All pages

                [c](c.md)
                """);
        write("docs/b.md", "# Beta: the second letter\n\n## Part\n");
        write("docs/c.md", "# Gamma\n");
        write("docs/d.md", "# D & E\n");
        assertEquals(List.of(), build());
        String list = page("docs/b.html").replaceAll("(?s).*<summary>|</details>.*", "");
        assertEquals(
                "All pages First Beta Part Second D &amp; E Other pages Gamma",
                list.replaceAll("<[^>]*>", " ").replaceAll("\\s+", " ").strip());
        assertTrue(list.contains("<p>First</p>\n<ul>\n<li><a href=\"b.html\">Beta</a>"), list);
    }

    @Test
    @DisplayName("a link becomes one to the page of its file, and a heading gets the id that its links have")
    void links() throws IOException {
        write("README.md", "# A\n\n[b](docs/b.md#the-end-of-f) [c](docs/README.md) [d](LICENSE) [e](#a)\n");
        write("LICENSE", "free");
        write("CHANGELOG.md", "# Changes\n");
        write("CONTRIBUTING.md", "# Contributing\n");
        write("docs/README.md", "# D\n\n[b](b.md) [up](../README.md)\n");
        write("docs/b.md", "# B\n\n## The end of `f()`\n\n## The end of f\n\n| a | b |\n|---|---|\n| [1](#b) | < |\n");
        assertEquals(List.of(), build());
        String first = page("index.html");
        for (String link : List.of("docs/b.html#the-end-of-f", "docs/index.html", "LICENSE", "#a")) {
            assertTrue(first.contains("href=\"" + link + "\""), link + " in " + first);
        }
        String b = page("docs/b.html");
        assertTrue(b.contains("<h2 id=\"the-end-of-f\">The end of <code>f()</code></h2>"), b);
        assertTrue(b.contains("<h2 id=\"the-end-of-f-1\">"), b);
        assertTrue(b.contains("<td>&lt;</td>"), b);
        assertTrue(page("docs/index.html").contains("href=\"../index.html\">up"));
    }

    @Test
    @DisplayName("a link to a file, a heading or a picture that does not exist is named with its page")
    void brokenLinks() throws IOException {
        write(
                "README.md",
                "# A\n\n[a](b.md) [b](#b) ![c](c.png) [d](../../etc/passwd) [e](docs/e.md#f) [g](https://g)\n");
        write("docs/e.md", "# E\n");
        assertEquals(
                List.of(
                        "README.md: no file for b.md",
                        "README.md: no heading for #b",
                        "README.md: no file for c.png",
                        "README.md: no file for ../../etc/passwd",
                        "README.md: no heading for docs/e.md#f"),
                build());
    }

    private static void assertColoured(String language, String code, String expected) {
        assertEquals(expected, CodeColours.coloured(language, code));
        String bare = expected.replaceAll("<[^>]*>", "").replace("&lt;", "<").replace("&gt;", ">");
        assertEquals(code, bare.replace("&quot;", "\"").replace("&amp;", "&"));
    }

    @Test
    @DisplayName("code is coloured by its language, and stays the same text")
    void colours() {
        assertColoured(
                "java",
                "@Override int f(List<A> newest) { // if \"x\"\n  return '\"' + \"a // \\\"b\" + inner; }",
                "<span class=\"note\">@Override</span> <span class=\"word\">int</span> f(List&lt;A&gt; newest) { "
                        + "<span class=\"comment\">// if &quot;x&quot;</span>\n  <span class=\"word\">return</span> "
                        + "<span class=\"text\">'&quot;'</span> + "
                        + "<span class=\"text\">&quot;a // \\&quot;b&quot;</span> + inner; }");
        assertColoured(
                "java",
                "A module = f(module); record.put(var); var x = 1; record B(int y) {} module a.b { requires c; }",
                "A module = f(module); record.put(var); <span class=\"word\">var</span> x = 1; "
                        + "<span class=\"word\">record</span> B(<span class=\"word\">int</span> y) {} "
                        + "<span class=\"word\">module</span> a.b { <span class=\"word\">requires</span> c; }");
        assertColoured(
                "xml",
                "<a b=\"c > d\"><!-- <e> --></a>",
                "<span class=\"tag\">&lt;a</span> b=<span class=\"text\">&quot;c &gt; d&quot;</span>"
                        + "<span class=\"tag\">&gt;</span><span class=\"comment\">&lt;!-- &lt;e&gt; --&gt;</span>"
                        + "<span class=\"tag\">&lt;/a</span><span class=\"tag\">&gt;</span>");
        assertColoured("text", "if <a>", "if &lt;a&gt;");
        String longText = "\"" + "ab\\n".repeat(50_000) + "\"";
        assertEquals(
                longText.length() + 36, CodeColours.coloured("java", longText).length());
    }

    @Test
    @DisplayName("the search finds sections by all words, those with them in headings first")
    void search() throws IOException {
        write("README.md", "# Samara\n\nA tree.\n\n## Shootdown\n\nOf a *TLB*, \"exact\".\n");
        write("CHANGELOG.md", "# Changes\n");
        write("CONTRIBUTING.md", "# Contributing\n");
        write("docs/README.md", "# Documentation\n");
        write("docs/a.md", """
                # A page

                ```java
                int tlb;
                ```

                | shootdown |
                |---|
                | `</script>` |

                ## Trees

                ### Shaking

                Tree.
                """);
        assertEquals(List.of(), build());
        assertEquals("index.html#shootdown docs/a.html#a-page", found("tlb  SHOOTDOWN"));
        assertEquals("docs/a.html#trees index.html#samara docs/a.html#shaking", found("tree"));
        assertEquals("docs/a.html#a-page", found("</script>"));
        assertEquals("index.html#shootdown", found("\"exact\""));
        assertEquals("", found("tree tlb"));
        assertEquals("", found(" "));
        assertFalse(page("sections.js").contains("<"), page("sections.js"));
        assertTrue(page("docs/a.html").contains("<script src=\"../search.js\" data-root=\"../\" defer>"));
    }

    /** Returns the URLs that the written pages' search script finds. */
    private String found(String query) throws IOException {
        try (Context context = Context.enter()) {
            Scriptable scope = context.initStandardObjects();
            context.evaluateString(scope, page("sections.js"), "sections.js", 1, null);
            context.evaluateString(scope, page("search.js"), "search.js", 1, null);
            scope.put("query", scope, query);
            String addresses = "found(sections, query).map(function (section) { return section[2]; }).join(' ')";
            return Context.toString(context.evaluateString(scope, addresses, "test", 1, null));
        }
    }

    @Test
    @DisplayName("a written page whose link leads nowhere is found")
    void builtLinks() throws IOException {
        Path site = Files.createDirectories(folder.resolve("site"));
        Files.writeString(site.resolve("a.html"), "<p id=\"x\"><a href=\"#x\"><a href=\"#y\"><img src=\"b.png\">");
        assertEquals(List.of("a.html: #y", "a.html: b.png"), BuiltLinks.broken(site));
    }
}
