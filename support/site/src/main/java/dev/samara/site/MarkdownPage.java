// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.node.Node;
import org.commonmark.parser.Parser;

/**
 * A Markdown file of the project.
 *
 * @param file its path relative to the root
 * @param document its parsed text
 * @param ids the ids of its headings
 */
record MarkdownPage(Path file, Node document, HeadingIds ids) {
    private static final Parser PARSER =
            Parser.builder().extensions(List.of(TablesExtension.create())).build();

    static MarkdownPage read(Path root, Path file) throws IOException {
        Node document = PARSER.parse(Files.readString(root.resolve(file)));
        return new MarkdownPage(file, document, new HeadingIds(document));
    }

    static boolean isMarkdown(Path file) {
        return file.toString().endsWith(".md");
    }

    /**
     * Returns the path of a file's page relative to the root of the site. A README becomes the index page of its
     * directory.
     */
    static Path pageOf(Path file) {
        String name = file.getFileName().toString();
        return file.resolveSibling(name.equals("README.md") ? "index.html" : name.replace(".md", ".html"));
    }

    /** Returns the first heading, or the file name if there is no heading. */
    String title() {
        return ids.all().keySet().stream()
                .findFirst()
                .map(HeadingIds::textOf)
                .orElseGet(() -> file.getFileName().toString());
    }

    /** Returns the part of the title before a colon. */
    String shortTitle() {
        return title().replaceFirst(":.*", "");
    }
}
