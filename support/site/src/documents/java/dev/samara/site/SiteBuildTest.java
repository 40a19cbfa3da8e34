// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SiteBuildTest {
    @Test
    @DisplayName("each link of the project's Markdown leads to a file and a heading, and each page is written")
    void links(@TempDir Path site) throws IOException {
        assertEquals(List.of(), SiteBuild.write(Project.root().toRealPath(), site, false));
        assertTrue(Files.readString(site.resolve("index.html")).contains("href=\"docs/files.html\""));
    }
}
