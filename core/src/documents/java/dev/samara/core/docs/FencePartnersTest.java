// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that the comment of each fence names its partner in another thread, because a fence alone orders nothing. */
final class FencePartnersTest {
    /** Classes whose fences belong to a guest; the partners of these fences are in the guest. */
    private static final Set<String> OF_GUESTS = Set.of("DirectFrames.java", "IntegerOperations.java");

    /** A fence with the comment lines directly above it. */
    private static final Pattern FENCE = Pattern.compile(
            "(?m)((?:^ *//.*\\n)*)^ *VarHandle\\.(?:full|acquire|release|loadLoad|storeStore)Fence\\(\\)");

    private static List<String> withoutPartner(String file, String source) {
        List<String> without = new ArrayList<>();
        Matcher fence = FENCE.matcher(source);
        while (fence.find()) {
            if (!fence.group(1).contains("Pairs with")) {
                without.add(
                        file + ":" + source.substring(0, fence.end()).lines().count());
            }
        }
        return without;
    }

    @Test
    @DisplayName("each fence has a comment that names its partner")
    void fences() throws IOException {
        List<String> without = new ArrayList<>();
        long fences = 0;
        for (Path file : Project.mainSources()) {
            String name = file.getFileName().toString();
            String source = Files.readString(file);
            if (!OF_GUESTS.contains(name)) {
                fences += FENCE.matcher(source).results().count();
                without.addAll(withoutPartner(name, source));
            }
        }
        assertEquals(List.of(), without);
        assertTrue(fences >= 10, "fences: " + fences);
    }

    @Test
    @DisplayName("a fence is found with the comment before it")
    void shapes() {
        assertEquals(List.of("A:4"), withoutPartner("A", """
                        // Pairs with b.
                        VarHandle.fullFence();
                        // Before the read.
                        VarHandle.acquireFence();
                """));
    }
}
