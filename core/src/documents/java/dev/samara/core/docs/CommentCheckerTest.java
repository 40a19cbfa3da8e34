// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The comment checker of the compiler")
class CommentCheckerTest {
    private static final Path BASE = Path.of(System.getProperty("basedir", ""));

    private static Set<String> found(String file, String expression) throws IOException {
        Set<String> found = new TreeSet<>();
        Matcher matcher = Pattern.compile(expression).matcher(Files.readString(BASE.resolve(file)));
        while (matcher.find()) {
            found.addAll(Set.of(matcher.group(1).split(",")));
        }
        return found;
    }

    @Test
    @DisplayName("reads each package that the module exports")
    void everyExportedPackage() throws IOException {
        Set<String> exported = found("src/main/java/module-info.java", "(?m)^ *exports ([\\w.]+);$");
        assertTrue(exported.contains("dev.samara.core"), exported::toString);
        assertEquals(exported, found("pom.xml", "<doclint.packages>(.*)</doclint.packages>"));
    }
}
