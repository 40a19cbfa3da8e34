// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Checks that a jar contains its licence, {@code META-INF/LICENSE}, and a notice for each library whose classes are in
 * it. Notices are the files {@code META-INF/licenses/*.txt}, which come from the directory {@code support/licenses}. A
 * notice contains a line {@code Packages:} with the packages of its library, including their subpackages.
 */
public final class JarNotices {
    private static final String LICENSE = "META-INF/LICENSE";
    private static final Pattern NOTICE = Pattern.compile("META-INF/licenses/[^/]+\\.txt");

    /** Matches a class file; the group excludes the directory of its version. */
    private static final Pattern CLASS = Pattern.compile("(?:META-INF/versions/[0-9]+/)?(.*)/[^/]+\\.class");

    private static final Pattern PACKAGES = Pattern.compile("(?m)^Packages: (.+)$");

    private JarNotices() {}

    /**
     * Checks jars.
     *
     * @param jars the paths of the jars
     * @throws IllegalStateException if something is missing, with one line per finding
     * @throws IOException if a jar cannot be read
     */
    public static void main(String[] jars) throws IOException {
        TreeSet<String> findings = new TreeSet<>();
        for (String jar : jars) {
            try (ZipFile zip = new ZipFile(jar)) {
                if (zip.getEntry(LICENSE) == null) {
                    findings.add(jar + ": no " + LICENSE);
                }
                List<String> noticed = noticed(zip);
                for (ZipEntry entry : zip.stream().toList()) {
                    Matcher type = CLASS.matcher(entry.getName());
                    if (type.matches() && noticed.stream().noneMatch((type.group(1) + "/")::startsWith)) {
                        findings.add(jar + ": no notice in META-INF/licenses for the package " + type.group(1));
                    }
                }
            }
        }
        if (!findings.isEmpty()) {
            throw new IllegalStateException(String.join("\n", findings));
        }
    }

    /** Returns the directories of the project's packages and of those that the notices name. */
    private static List<String> noticed(ZipFile zip) throws IOException {
        List<String> noticed = new ArrayList<>(List.of("dev/samara/"));
        for (ZipEntry entry : zip.stream().toList()) {
            if (NOTICE.matcher(entry.getName()).matches()) {
                String text = new String(zip.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8);
                Matcher packages = PACKAGES.matcher(text);
                if (packages.find()) {
                    for (String each : packages.group(1).split(" ", -1)) {
                        noticed.add(each.replace('.', '/') + "/");
                    }
                }
            }
        }
        return noticed;
    }
}
