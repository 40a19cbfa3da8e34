// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import java.util.zip.ZipFile;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Compares a folder that a build was deployed to with what Maven Central asks of a release, and names all that is
 * missing; and looks whether each jar has its title and version. Run by {@code .ci/check-poms}, as one file of source.
 */
final class CheckPoms {
    private static final List<String> CHECKSUMS = List.of(".md5", ".sha1", ".sha256", ".sha512");

    /** What may be missing. */
    private final Set<String> allowed;

    private final Set<String> missing = new TreeSet<>();
    private int poms;
    private int files;

    private CheckPoms(Set<String> allowed) {
        this.allowed = allowed;
    }

    public static void main(String[] arguments) throws Exception {
        CheckPoms check = new CheckPoms(Set.of(arguments[1].split(",")));
        check.folder(Path.of(arguments[0]));
        System.exit(check.ends());
    }

    private void folder(Path folder) throws Exception {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : (Iterable<Path>) all.filter(Files::isRegularFile).sorted()::iterator) {
                String name = file.getFileName().toString();
                if (name.startsWith("maven-metadata") || name.endsWith(".asc") || isChecksum(name)) {
                    continue;
                }
                files++;
                file(file);
                if (name.endsWith(".pom")) {
                    poms++;
                    pom(file);
                }
            }
        }
        if (poms == 0) {
            miss("pom", folder, "no POM in this folder");
        }
    }

    private int ends() {
        String lacking = missing.isEmpty() ? "nothing" : missing.toString();
        System.out.printf(Locale.ROOT, "%d POMs, %d files; missing: %s%n", poms, files, lacking);
        if (allowed.containsAll(missing)) {
            return 0;
        }
        missing.removeAll(allowed);
        System.out.println("not ready for Maven Central: " + String.join(", ", missing));
        return 1;
    }

    /** Each file has its sums, and a signature. */
    private void file(Path file) throws Exception {
        for (String suffix : List.of(".md5", ".sha1")) {
            Path sum = sibling(file, suffix);
            String algorithm = suffix.equals(".md5") ? "MD5" : "SHA-1";
            if (!Files.exists(sum)) {
                miss("checksum", file, "no " + suffix);
            } else if (!Files.readString(sum).strip().startsWith(digest(algorithm, file))) {
                miss("checksum", file, "its " + suffix + " is that of other content");
            }
        }
        Path signature = sibling(file, ".asc");
        if (!Files.exists(signature)) {
            miss("signature", file, "no .asc");
        } else if (!Files.readString(signature).startsWith("-----BEGIN PGP SIGNATURE-----")) {
            miss("signature", file, "its .asc is no signature");
        }
    }

    private void pom(Path pom) throws Exception {
        Element project = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(pom.toFile())
                .getDocumentElement();
        for (String name : List.of("groupId", "artifactId", "version", "name", "description")) {
            if (text(project, name).isEmpty()) {
                miss(name, pom, "no <" + name + ">");
            }
        }
        if (text(project, "version").endsWith("-SNAPSHOT")) {
            miss("release", pom, "<version> is " + text(project, "version"));
        }
        address(pom, project, "url", "url", "url");
        address(pom, project, "scm", "scm.url", "scm", "url");
        address(pom, project, "scm", "scm.connection", "scm", "connection");
        address(pom, project, "scm", "scm.developerConnection", "scm", "developerConnection");
        if (text(project, "licenses", "license", "name").isEmpty()
                || text(project, "licenses", "license", "url").isEmpty()) {
            miss("license", pom, "no <license> with <name> and <url>");
        }
        if (text(project, "developers", "developer", "name").isEmpty()) {
            miss("developer", pom, "no <developer> with a <name>");
        }
        if (child(project, "parent") != null) {
            miss("alone", pom, "it needs its <parent>");
        }
        if (child(project, "repositories") != null || child(project, "pluginRepositories") != null) {
            miss("alone", pom, "it names a repository");
        }
        dependencies(pom, child(project, "dependencies"));
        if (!text(project, "packaging").equals("pom")) {
            jars(pom);
        }
    }

    private void dependencies(Path pom, Element dependencies) {
        if (dependencies == null) {
            return;
        }
        for (Node node = dependencies.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element dependency) {
                if (text(dependency, "version").isEmpty()) {
                    miss("version", pom, text(dependency, "artifactId") + " has no <version>");
                }
                if (Set.of("test", "system").contains(text(dependency, "scope"))) {
                    miss("alone", pom, text(dependency, "artifactId") + " has scope " + text(dependency, "scope"));
                }
            }
        }
    }

    private void jars(Path pom) throws IOException {
        content(pom, ".jar", "jar", "module-info.class");
        content(pom, ".jar", "license", "META-INF/LICENSE");
        manifest(pom);
        content(pom, "-sources.jar", "sources", "module-info.java");
        content(pom, "-javadoc.jar", "javadoc", "index.html");
        String base = base(pom);
        if (!Files.exists(pom.resolveSibling(base + "-cyclonedx.json"))) {
            miss("sbom", pom, "no " + base + "-cyclonedx.json");
        }
    }

    private void content(Path pom, String suffix, String rule, String entry) throws IOException {
        Path jar = pom.resolveSibling(base(pom) + suffix);
        if (!Files.exists(jar)) {
            miss(rule, pom, "no " + jar.getFileName());
            return;
        }
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            if (zip.getEntry(entry) == null) {
                miss(rule, jar, "no " + entry);
            }
        }
    }

    private void manifest(Path pom) throws IOException {
        Path path = pom.resolveSibling(base(pom) + ".jar");
        if (!Files.exists(path)) {
            return;
        }
        try (JarFile jar = new JarFile(path.toFile())) {
            Manifest found = jar.getManifest();
            for (String name : List.of("Implementation-Title", "Implementation-Version")) {
                if (found == null || found.getMainAttributes().getValue(name) == null) {
                    miss("manifest", path, "no " + name);
                }
            }
        }
    }

    /** An address has more than the scheme that the parent POM writes before it. */
    private void address(Path pom, Element project, String rule, String shown, String... path) {
        String address = text(project, path);
        if (address.isEmpty() || address.equals("scm:git:")) {
            miss(rule, pom, "no <" + shown + ">");
        } else if (address.contains("${")) {
            miss(rule, pom, "<" + shown + "> is " + address);
        }
    }

    private void miss(String rule, Path file, String text) {
        missing.add(rule);
        System.out.printf("%s%s: %s: %s%n", rule, allowed.contains(rule) ? " (allowed)" : "", file.getFileName(), text);
    }

    private static String base(Path pom) {
        String name = pom.getFileName().toString();
        return name.substring(0, name.length() - ".pom".length());
    }

    private static boolean isChecksum(String name) {
        return CHECKSUMS.stream().anyMatch(name::endsWith);
    }

    private static Path sibling(Path file, String suffix) {
        return file.resolveSibling(file.getFileName() + suffix);
    }

    private static String digest(String algorithm, Path file) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(Files.readAllBytes(file)));
    }

    private static String text(Element element, String... path) {
        Element at = element;
        for (String name : path) {
            at = child(at, name);
            if (at == null) {
                return "";
            }
        }
        return at.getTextContent().strip();
    }

    private static Element child(Element element, String name) {
        for (Node node = element.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element found && found.getTagName().equals(name)) {
                return found;
            }
        }
        return null;
    }
}
