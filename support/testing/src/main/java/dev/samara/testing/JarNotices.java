// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Checks that a jar contains its licence, and a notice for each library whose classes are in it, and that its manifest
 * has a title and a version.
 *
 * <p>The licence is {@code META-INF/LICENSE}. Notices are the files {@code META-INF/licenses/*.txt}, which come from
 * the directory {@code support/licenses}. A notice contains a line {@code Packages:} with the packages of its library,
 * including their subpackages, and a line {@code Licence:}. The latter ends with the path of the file in the jar that
 * contains the text of the licence ({@code in META-INF/LICENSE}), or with {@code below}. A source jar contains the
 * sources of a module; it needs no title.
 */
public final class JarNotices {
    private static final String SOURCES = "-sources.jar";
    private static final String LICENSE = "META-INF/LICENSE";
    private static final Pattern NOTICE = Pattern.compile("META-INF/licenses/[^/]+\\.txt");

    /** Matches a class file; the group excludes the directory of its version. */
    private static final Pattern CLASS = Pattern.compile("(?:META-INF/versions/[0-9]+/)?(.*)/[^/]+\\.class");

    private static final Pattern PACKAGES = Pattern.compile("(?m)^Packages: (.+)$");
    private static final Pattern PLACE = Pattern.compile("(?m)^Licence: .*\\bin ([\\w./-]+?)(?:,.*)?$");
    private static final Pattern BELOW = Pattern.compile("(?ms)^Licence: [^\n]*, below$\\s+\\S.*");
    private static final String OWN = "dev/samara";

    private JarNotices() {}

    /**
     * Checks jars.
     *
     * @param jars the paths of the jars
     * @throws IllegalStateException if something is missing, with one line per finding
     * @throws IOException if a jar cannot be read
     */
    public static void main(String[] jars) throws IOException {
        List<String> findings = new ArrayList<>();
        for (String jar : jars) {
            findings.addAll(findings(Path.of(jar)));
        }
        if (!findings.isEmpty()) {
            throw new IllegalStateException(String.join("\n", findings));
        }
    }

    /**
     * {@return what a jar lacks, one line per finding}
     *
     * @param jar the path of the jar
     * @throws IOException if the jar exists and cannot be read
     */
    static List<String> findings(Path jar) throws IOException {
        if (!Files.exists(jar)) {
            return List.of(jar + ": no such jar");
        }
        List<String> findings = new ArrayList<>();
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            if (zip.getEntry(LICENSE) == null) {
                findings.add("no " + LICENSE);
            }
            if (jar.toString().endsWith(SOURCES) && zip.getEntry("module-info.java") == null) {
                findings.add("no module-info.java");
            }
            if (!jar.toString().endsWith(SOURCES)) {
                findings.addAll(missingAttributes(zip));
            }
            Map<String, String> notices = notices(zip, findings);
            Set<String> used = new HashSet<>();
            for (String each : packages(zip)) {
                Optional<String> notice = notice(notices, each);
                notice.ifPresent(used::add);
                if (notice.isEmpty() && !isIn(each, OWN)) {
                    findings.add("the package " + each.replace('/', '.') + " has no notice in META-INF/licenses");
                }
            }
            notices.forEach((start, notice) -> {
                if (!used.contains(notice)) {
                    findings.add(notice + ": no class of its library is in the jar");
                }
            });
        }
        return findings.stream()
                .distinct()
                .map(finding -> jar.getFileName() + ": " + finding)
                .toList();
    }

    /** Returns a line for each missing attribute that identifies the jar, e.g. to a program that uses the jar. */
    private static List<String> missingAttributes(ZipFile zip) throws IOException {
        ZipEntry entry = zip.getEntry(JarFile.MANIFEST_NAME);
        Manifest manifest = entry == null ? new Manifest() : new Manifest(zip.getInputStream(entry));
        return Stream.of(Attributes.Name.IMPLEMENTATION_TITLE, Attributes.Name.IMPLEMENTATION_VERSION)
                .filter(each -> manifest.getMainAttributes().getValue(each) == null)
                .map(each -> "no " + each + " in " + JarFile.MANIFEST_NAME)
                .toList();
    }

    /** Returns, for each package that a notice names, the name of that notice. */
    private static Map<String, String> notices(ZipFile zip, List<String> findings) throws IOException {
        Map<String, String> notices = new LinkedHashMap<>();
        for (ZipEntry entry : zip.stream().toList()) {
            String name = entry.getName();
            if (!NOTICE.matcher(name).matches()) {
                continue;
            }
            String text = new String(zip.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8);
            Matcher packages = PACKAGES.matcher(text);
            if (packages.find()) {
                for (String each : packages.group(1).split(" ", -1)) {
                    notices.put(each.replace('.', '/'), name);
                }
            } else {
                findings.add(name + ": no line \"Packages:\"");
            }
            Matcher place = PLACE.matcher(text);
            if (place.find()) {
                if (zip.getEntry(place.group(1)) == null) {
                    findings.add(name + ": no " + place.group(1) + " in the jar");
                }
            } else if (!BELOW.matcher(text).find()) {
                findings.add(name + ": no line \"Licence:\" that says where the text is");
            }
        }
        return notices;
    }

    private static List<String> packages(ZipFile zip) {
        return zip.stream()
                .map(entry -> CLASS.matcher(entry.getName()))
                .filter(Matcher::matches)
                .map(matcher -> matcher.group(1))
                .distinct()
                .sorted()
                .toList();
    }

    private static Optional<String> notice(Map<String, String> notices, String name) {
        return notices.entrySet().stream()
                .filter(each -> isIn(name, each.getKey()))
                .map(Map.Entry::getValue)
                .findFirst();
    }

    private static boolean isIn(String name, String start) {
        return name.equals(start) || name.startsWith(start + "/");
    }
}
