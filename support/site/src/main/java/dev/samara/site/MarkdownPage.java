// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.commonmark.ext.gfm.tables.TableCell;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Block;
import org.commonmark.node.Code;
import org.commonmark.node.FencedCodeBlock;
import org.commonmark.node.HardLineBreak;
import org.commonmark.node.Heading;
import org.commonmark.node.IndentedCodeBlock;
import org.commonmark.node.Node;
import org.commonmark.node.SoftLineBreak;
import org.commonmark.node.Text;
import org.commonmark.parser.Parser;

/**
 * A Markdown file of the project.
 *
 * @param file its path relative to the root
 * @param document its parsed text
 * @param ids its headings in order, each with its id: the text in lower case without punctuation, with hyphens instead
 *     of spaces, and with a number if the id occurs again
 */
record MarkdownPage(Path file, Node document, Map<Heading, String> ids) {
    private static final Parser PARSER =
            Parser.builder().extensions(List.of(TablesExtension.create())).build();

    static MarkdownPage read(Path root, Path file) throws IOException {
        Node document = PARSER.parse(Files.readString(root.resolve(file)));
        Map<Heading, String> ids = new LinkedHashMap<>();
        Map<String, Integer> uses = new HashMap<>();
        document.accept(new AbstractVisitor() {
            @Override
            public void visit(Heading heading) {
                String id = textOf(heading)
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-');
                int before = uses.merge(id, 1, Integer::sum) - 1;
                ids.put(heading, before == 0 ? id : id + "-" + before);
            }
        });
        return new MarkdownPage(file, document, ids);
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

    /** Returns the text of a node, without markup. Paragraphs, items and cells are separated by spaces. */
    static String textOf(Node node) {
        StringBuilder text = new StringBuilder();
        node.accept(new AbstractVisitor() {
            @Override
            public void visit(Text words) {
                text.append(words.getLiteral());
            }

            @Override
            public void visit(Code code) {
                text.append(code.getLiteral());
            }

            @Override
            public void visit(FencedCodeBlock block) {
                text.append(block.getLiteral());
            }

            @Override
            public void visit(IndentedCodeBlock block) {
                text.append(block.getLiteral());
            }

            @Override
            public void visit(SoftLineBreak end) {
                text.append(' ');
            }

            @Override
            public void visit(HardLineBreak end) {
                text.append(' ');
            }

            @Override
            protected void visitChildren(Node parent) {
                super.visitChildren(parent);
                text.append(parent instanceof Block || parent instanceof TableCell ? " " : "");
            }
        });
        return text.toString().strip();
    }

    /** Returns the first heading, or the file name if there is no heading. */
    String title() {
        return ids.keySet().stream()
                .findFirst()
                .map(MarkdownPage::textOf)
                .orElseGet(() -> file.getFileName().toString());
    }

    /** Returns the part of the title before a colon. */
    String shortTitle() {
        return title().replaceFirst(":.*", "");
    }
}
