// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.node.Heading;
import org.commonmark.renderer.html.HtmlRenderer;
import org.jspecify.annotations.Nullable;

/**
 * The parts that surround the text on all pages: the bar at the top, and the list of pages with the current page's
 * headings.
 */
final class PageTemplate {
    static final Path STYLE = Path.of("style.css");
    static final Path SEARCH = Path.of("search.js");

    /** The script that the search loads when it is first used. */
    static final Path SECTIONS = Path.of("sections.js");

    static final Path API = Path.of("api", "index.html");

    /** The first page of the range tree, for readers who need only the tree. */
    static final Path TREE = Path.of("maple", "README.md");

    private final Map<String, List<MarkdownPage>> groups;
    private final boolean hasTree;
    private final boolean hasApi;

    /**
     * Creates a template.
     *
     * @param groups the pages in the list, in groups with titles, in order
     * @param hasTree whether the range tree has a page
     * @param hasApi whether there is javadoc to which pages can link
     */
    PageTemplate(Map<String, List<MarkdownPage>> groups, boolean hasTree, boolean hasApi) {
        this.groups = groups;
        this.hasTree = hasTree;
        this.hasApi = hasApi;
    }

    /** Returns the web page of a Markdown file whose links were resolved. */
    String page(MarkdownPage page) {
        Map<Heading, String> ids = page.ids();
        HtmlRenderer renderer = HtmlRenderer.builder()
                .extensions(List.of(TablesExtension.create()))
                .nodeRendererFactory(CodeColours::new)
                .attributeProviderFactory(context -> (node, tag, attributes) -> {
                    if (node instanceof Heading heading) {
                        attributes.put("id", ids.getOrDefault(heading, ""));
                    }
                })
                .build();
        return page(MarkdownPage.pageOf(page.file()), page.title(), renderer.render(page.document()), page);
    }

    /** Returns the web page that lists the files of a directory. */
    String folder(Path folder, List<String> names) {
        StringBuilder text = new StringBuilder("<h1>" + escaped(folder.toString()) + "</h1>\n<ul>\n");
        for (String name : names) {
            text.append("<li>").append(link(escaped(name), name)).append("</li>\n");
        }
        return page(folder.resolve("index.html"), folder.toString(), text + "</ul>\n", null);
    }

    private String page(Path place, String title, String text, @Nullable MarkdownPage of) {
        StringBuilder list = new StringBuilder();
        groups.forEach((group, pages) -> {
            list.append("<p>").append(escaped(group)).append("</p>\n<ul>\n");
            for (MarkdownPage each : pages) {
                list.append("<li>")
                        .append(link(escaped(each.shortTitle()), to(place, MarkdownPage.pageOf(each.file()))));
                if (each.equals(of)) {
                    list.append(headings(each));
                }
                list.append("</li>\n");
            }
            list.append("</ul>\n");
        });
        String tree = hasTree ? link("Range tree", to(place, MarkdownPage.pageOf(TREE))) : "";
        String api = hasApi ? link("Javadoc", to(place, API)) : "";
        return """
                <!DOCTYPE html>
                <html lang="en">
                <head>
                <meta charset="utf-8">
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <title>%s</title>
                <link rel="stylesheet" href="%s">
                <script src="%s" data-root="%s" defer></script>
                </head>
                <body>
                <header>%s %s %s %s %s %s
                <input id="page-search" type="search" placeholder="Search" aria-label="Search these pages" hidden>
                <ul id="pages-found" aria-live="polite" hidden></ul>
                </header>
                <nav>
                <details open>
                <summary>All pages</summary>
                %s</details>
                <script>
                document.querySelector("nav details").open = matchMedia("(min-width: 55rem)").matches;
                </script>
                </nav>
                <main>
                %s</main>
                </body>
                </html>
                """.formatted(
                        escaped(title.equals("Samara") ? title : title + " - Samara"),
                        to(place, STYLE),
                        to(place, SEARCH),
                        "../".repeat(place.getNameCount() - 1),
                        link("Samara", to(place, Path.of("index.html"))),
                        tree,
                        link("Documentation", to(place, Path.of("docs", "index.html"))),
                        api,
                        link("Changes", to(place, Path.of("CHANGELOG.html"))),
                        link("Contributing", to(place, Path.of("CONTRIBUTING.html"))),
                        list,
                        text);
    }

    /** Returns the second-level headings as a list, or an empty string if there are none. */
    private static String headings(MarkdownPage page) {
        StringBuilder list = new StringBuilder();
        page.ids().forEach((heading, id) -> {
            if (heading.getLevel() == 2) {
                list.append("<li>")
                        .append(link(escaped(MarkdownPage.textOf(heading)), "#" + id))
                        .append("</li>\n");
            }
        });
        return list.isEmpty() ? "" : "\n<ul>\n" + list + "</ul>\n";
    }

    private static String link(String text, String to) {
        return "<a href=\"" + escaped(to) + "\">" + text + "</a>";
    }

    /** Returns the relative URL of one path of the site, as seen from another one. */
    private static String to(Path from, Path place) {
        Path folder = from.getParent();
        Path relative = folder == null ? place : folder.relativize(place);
        return relative.toString().replace('\\', '/');
    }

    static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
