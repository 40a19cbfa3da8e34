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

/** Changes links to Markdown files to links to their pages, and records all other linked files. */
final class PageLinks {
    private final Path root;
    private final Map<Path, MarkdownPage> pages;
    private final Set<Path> files = new TreeSet<>();
    private final List<String> broken = new ArrayList<>();

    PageLinks(Path root, Map<Path, MarkdownPage> pages) {
        this.root = root;
        this.pages = pages;
    }

    /** Changes the links in a page's document. */
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
            if (!anchor.isEmpty() && !target.ids().containsValue(anchor)) {
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

    /** Returns a path whose last name is replaced. */
    private static String siblingOf(String path, Path page) {
        return path.substring(0, path.lastIndexOf('/') + 1) + page.getFileName();
    }

    /** Returns the linked files and directories that are not Markdown files, relative to the root. */
    Set<Path> files() {
        return files;
    }

    /** Returns the broken links, one per line. */
    List<String> broken() {
        return broken;
    }
}
