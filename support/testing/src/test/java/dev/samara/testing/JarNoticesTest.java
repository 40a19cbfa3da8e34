// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The check of a jar's licences and manifest")
final class JarNoticesTest {
    private static final String APACHE = "Licence: Apache License 2.0, in META-INF/LICENSE\n";

    @TempDir
    private Path folder;

    private static final String MANIFEST = "META-INF/MANIFEST.MF";

    private final Map<String, String> entries = new TreeMap<>(Map.of(
            MANIFEST,
            "Manifest-Version: 1.0\nImplementation-Title: A\nImplementation-Version: 1\n",
            "META-INF/LICENSE",
            "Apache License",
            "META-INF/licenses/a.txt",
            "A (org.a:a)\nPackages: org.a com.a\n" + APACHE,
            "META-INF/licenses/b.txt",
            "B (org.b:b)\nPackages: org.b\nLicence: BSD 3-Clause, below\n\nCopyright\n",
            "dev/samara/core/Machine.class",
            "",
            "org/a/A.class",
            "",
            "com/a/inner/A.class",
            "",
            "META-INF/versions/11/org/b/B.class",
            ""));

    private Path jar() throws IOException {
        Path jar = folder.resolve("a.jar");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
            for (Map.Entry<String, String> entry : entries.entrySet()) {
                out.putNextEntry(new ZipEntry(entry.getKey()));
                out.write(entry.getValue().getBytes(StandardCharsets.UTF_8));
            }
        }
        return jar;
    }

    @Test
    @DisplayName("accepts a jar with its licence and the notices of all its libraries")
    void complete() throws IOException {
        assertEquals(List.of(), JarNotices.findings(jar()));
        assertDoesNotThrow(() -> JarNotices.main(new String[] {jar().toString()}));
    }

    @Test
    @DisplayName("finds that a jar, its licence, or the file that a notice names is missing")
    void missingLicence() throws IOException {
        entries.remove("META-INF/LICENSE");
        assertEquals(
                List.of("a.jar: no META-INF/LICENSE", "a.jar: META-INF/licenses/a.txt: no META-INF/LICENSE in the jar"),
                JarNotices.findings(jar()));
        Path none = folder.resolve("none.jar");
        assertEquals(List.of(none + ": no such jar"), JarNotices.findings(none));
        IllegalStateException failure = assertThrows(
                IllegalStateException.class, () -> JarNotices.main(new String[] {none.toString(), jar().toString()}));
        assertEquals(3, String.valueOf(failure.getMessage()).lines().count());
    }

    @Test
    @DisplayName("finds a manifest without a title or a version, and that there is no manifest")
    void missingTitle() throws IOException {
        entries.put(MANIFEST, "Manifest-Version: 1.0\nImplementation-Title: A\n");
        String version = "a.jar: no Implementation-Version in META-INF/MANIFEST.MF";
        assertEquals(List.of(version), JarNotices.findings(jar()));
        entries.remove(MANIFEST);
        assertEquals(
                List.of("a.jar: no Implementation-Title in META-INF/MANIFEST.MF", version), JarNotices.findings(jar()));
    }

    @Test
    @DisplayName("finds a jar of sources without sources")
    void sources() throws IOException {
        Path sources = Files.move(jar(), folder.resolve("a-sources.jar"));
        assertEquals(List.of("a-sources.jar: no module-info.java"), JarNotices.findings(sources));
        entries.put("module-info.java", "");
        assertEquals(List.of(), JarNotices.findings(Files.move(jar(), sources, StandardCopyOption.REPLACE_EXISTING)));
    }

    @Test
    @DisplayName("finds a library without a notice, also one whose name begins as that of another, or is ours and more")
    void missingNotice() throws IOException {
        entries.put("org/ab/A.class", "");
        entries.put("META-INF/versions/17/org/c/C.class", "");
        entries.put("dev/samaras/S.class", "");
        assertEquals(
                List.of(
                        "a.jar: the package dev.samaras has no notice in META-INF/licenses",
                        "a.jar: the package org.ab has no notice in META-INF/licenses",
                        "a.jar: the package org.c has no notice in META-INF/licenses"),
                JarNotices.findings(jar()));
    }

    @Test
    @DisplayName("finds a notice of a library that is not in the jar")
    void staleNotice() throws IOException {
        entries.put("META-INF/licenses/d.txt", "D (org.d:d)\nPackages: org.d\n" + APACHE);
        assertEquals(
                List.of("a.jar: META-INF/licenses/d.txt: no class of its library is in the jar"),
                JarNotices.findings(jar()));
    }

    @Test
    @DisplayName("finds a notice that does not say whose it is, or where the licence is")
    void incompleteNotice() throws IOException {
        entries.put("META-INF/licenses/a.txt", "A (org.a:a)\nPackages: org.a com.a\nLicence: Apache\n");
        entries.put("META-INF/licenses/b.txt", "B (org.b:b)\nLicence: BSD 3-Clause, below\n\n");
        assertEquals(
                List.of(
                        "a.jar: META-INF/licenses/a.txt: no line \"Licence:\" that says where the text is",
                        "a.jar: META-INF/licenses/b.txt: no line \"Packages:\"",
                        "a.jar: META-INF/licenses/b.txt: no line \"Licence:\" that says where the text is",
                        "a.jar: the package org.b has no notice in META-INF/licenses"),
                JarNotices.findings(jar()));
    }
}
