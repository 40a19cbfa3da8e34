// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Image;
import org.commonmark.node.Link;

/** Makes the links of Markdown files lead to pages, and notes the other files that they lead to. */
final class PageLinks {
    private final Path root;
    private final Map<Path, MarkdownPage> pages;
    private final Set<Path> files = new TreeSet<>();
    private final List<String> broken = new ArrayList<>();

    PageLinks(Path root, Map<Path, MarkdownPage> pages) {
        this.root = root;
        this.pages = pages;
    }

    /** Changes the links of a page in its document. */
    void resolve(MarkdownPage page) {
        page.document().accept(new AbstractVisitor() {
            @Override
            public void visit(Link link) {
                link.setDestination(resolve(page, link.getDestination()));
                visitChildren(link);
            }

            @Override
            public void visit(Image image) {
                image.setDestination(resolve(page, image.getDestination()));
            }
        });
    }

    private String resolve(MarkdownPage page, String destination) {
        if (destination.matches("[a-z]+:.*")) {
            return destination;
        }
        int mark = destination.indexOf('#');
        String path = mark < 0 ? destination : destination.substring(0, mark);
        String anchor = mark < 0 ? "" : destination.substring(mark + 1);
        Path file = path.isEmpty()
                ? page.file()
                : root.relativize(root.resolve(page.file()).resolveSibling(path).normalize());
        MarkdownPage target = pages.get(file);
        if (target != null) {
            if (!anchor.isEmpty() && !target.ids().has(anchor)) {
                broken.add(page.file() + ": no heading for " + destination);
            }
            String html = path.isEmpty() ? "" : siblingOf(path, MarkdownPage.pageOf(file));
            return anchor.isEmpty() ? html : html + "#" + anchor;
        }
        if (file.startsWith("..") || !Files.exists(root.resolve(file))) {
            broken.add(page.file() + ": no file for " + destination);
            return destination;
        }
        files.add(file);
        return Files.isDirectory(root.resolve(file)) ? destination + "/index.html" : destination;
    }

    /** Returns a path with another last name. */
    private static String siblingOf(String path, Path page) {
        return path.substring(0, path.lastIndexOf('/') + 1) + page.getFileName();
    }

    /** Returns the files and folders that are linked and are no Markdown, below the root. */
    Set<Path> files() {
        return files;
    }

    /** Returns the links that lead nowhere, a line for each. */
    List<String> broken() {
        return broken;
    }
}
