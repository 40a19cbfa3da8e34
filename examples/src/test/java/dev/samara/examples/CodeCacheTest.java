// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class CodeCacheTest {
    @Test
    @DisplayName("decoded code is dropped by a store into it, by mprotect and by munmap, and by nothing else")
    void prints() throws Exception {
        assertEquals(
                List.of(
                        "First: block 1 decoded, block 2 decoded",
                        "Again: block 1 as decoded before, block 2 as decoded before",
                        "After a store into the first: block 3 decoded, block 2 as decoded before",
                        "After mprotect of the second: block 3 as decoded before, SEGV_ACCERR",
                        "After munmap of the first: SEGV_MAPERR"),
                Printed.by(() -> CodeCache.main(new String[0])));
    }
}
