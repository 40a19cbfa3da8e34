// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Heading;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.node.Paragraph;
import org.commonmark.node.StrongEmphasis;

/** Writes the web pages of the project: its Markdown files, the files to which they link, and the javadoc. */
public final class SiteBuild {
    private static final Path INDEX = Path.of("docs", "README.md");

    private final Path root;
    private final Path output;
    private final Map<Path, MarkdownPage> pages = new TreeMap<>();

    private SiteBuild(Path root, Path output) {
        this.root = root;
        this.output = output;
    }

    /**
     * Writes all pages, and checks their links.
     *
     * @param arguments the project directory and the output directory, whose files are replaced
     * @throws IOException if a file cannot be read or written
     */
    public static void main(String[] arguments) throws IOException {
        Path root = Path.of(arguments[0]).toRealPath();
        Path output = Path.of(arguments[1]).toAbsolutePath().normalize();
        ApiPages.write(root, output.resolve("api"), System.getProperty("java.class.path"));
        List<String> broken = write(root, output, true);
        if (!broken.isEmpty()) {
            broken.forEach(System.err::println);
            System.exit(1);
        }
        System.out.println("first page: " + output.resolve("index.html"));
    }

    /**
     * Writes the pages of the Markdown files, and copies the files to which they link.
     *
     * @return the broken links, one per line
     */
    static List<String> write(Path root, Path output, boolean hasApi) throws IOException {
        SiteBuild site = new SiteBuild(root, output);
        site.readPages(Path.of(""), 1);
        site.readPages(Path.of("docs"), Integer.MAX_VALUE);
        if (Files.exists(root.resolve(PageTemplate.TREE))) {
            site.pages.put(PageTemplate.TREE, MarkdownPage.read(root, PageTemplate.TREE));
        }
        // Created before the links are changed, because the order of the pages depends on the links.
        PageTemplate template = new PageTemplate(site.groups(), site.pages.containsKey(PageTemplate.TREE), hasApi);
        PageLinks links = new PageLinks(root, site.pages);
        site.pages.values().forEach(links::resolve);
        if (!links.broken().isEmpty()) {
            return links.broken();
        }
        for (MarkdownPage page : site.pages.values()) {
            site.writeText(MarkdownPage.pageOf(page.file()), template.page(page));
        }
        for (Path file : links.files()) {
            site.copy(file, template);
        }
        SearchIndex index = new SearchIndex();
        site.pages.values().forEach(index::add);
        site.writeText(PageTemplate.SECTIONS, index.script());
        site.copyResource(PageTemplate.STYLE);
        site.copyResource(PageTemplate.SEARCH);
        return links.broken();
    }

    private void copyResource(Path name) throws IOException {
        try (InputStream from = Objects.requireNonNull(SiteBuild.class.getResourceAsStream(name.toString()))) {
            Files.copy(from, output.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private void readPages(Path folder, int depth) throws IOException {
        for (Path file : filesBelow(root.resolve(folder), depth)) {
            if (MarkdownPage.isMarkdown(file)) {
                Path relative = root.relativize(file);
                pages.put(relative, MarkdownPage.read(root, relative));
            }
        }
    }

    private static List<Path> filesBelow(Path folder, int depth) throws IOException {
        try (Stream<Path> files = Files.walk(folder, depth)) {
            return files.filter(Files::isRegularFile).sorted().toList();
        }
    }

    /**
     * Returns the pages of the documentation in groups. The index lists most pages below a line in bold, which is the
     * title of a group; a page belongs to the first group that links to it as a whole. The last group contains all
     * other pages.
     */
    private Map<String, List<MarkdownPage>> groups() {
        Map<String, List<MarkdownPage>> groups = new LinkedHashMap<>();
        Set<Path> listed = new HashSet<>();
        MarkdownPage index = pages.get(INDEX);
        List<MarkdownPage> group = null;
        for (Node each = index == null ? null : index.document().getFirstChild(); each != null; each = each.getNext()) {
            if (each instanceof Paragraph
                    && each.getFirstChild() instanceof StrongEmphasis bold
                    && bold.getNext() == null) {
                group = groups.computeIfAbsent(MarkdownPage.textOf(bold), title -> new ArrayList<>());
            } else if (each instanceof Heading) {
                group = null;
            } else if (group != null) {
                List<MarkdownPage> into = group;
                each.accept(new AbstractVisitor() {
                    @Override
                    public void visit(Link link) {
                        Path file = Path.of("docs", link.getDestination()).normalize();
                        MarkdownPage page = pages.get(file);
                        if (page != null && isListed(file) && listed.add(file)) {
                            into.add(page);
                        }
                    }
                });
            }
        }
        List<MarkdownPage> others = new ArrayList<>();
        pages.forEach((file, page) -> {
            if (isListed(file) && listed.add(file)) {
                others.add(page);
            }
        });
        groups.put(groups.isEmpty() ? "Pages" : "Other pages", others);
        groups.values().removeIf(List::isEmpty);
        return groups;
    }

    /**
     * Returns whether a page is in the list of pages. The pages of directories of raw results are not: their parent
     * pages link to them.
     */
    private static boolean isListed(Path file) {
        return file.equals(PageTemplate.TREE) || (file.startsWith("docs") && !file.endsWith("README.md"));
    }

    /** Copies a file, or the files of a directory, to the same path in the site. */
    private void copy(Path file, PageTemplate template) throws IOException {
        Path from = root.resolve(file);
        if (!Files.isDirectory(from)) {
            Path to = output.resolve(file);
            Files.createDirectories(Objects.requireNonNull(to.getParent()));
            Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING);
            return;
        }
        List<String> names = new ArrayList<>();
        for (Path each : filesBelow(from, 1)) {
            copy(root.relativize(each), template);
            names.add(each.getFileName().toString());
        }
        writeText(file.resolve("index.html"), template.folder(file, names));
    }

    private void writeText(Path place, String text) throws IOException {
        Path to = output.resolve(place);
        Files.createDirectories(Objects.requireNonNull(to.getParent()));
        Files.writeString(to, text);
    }
}
