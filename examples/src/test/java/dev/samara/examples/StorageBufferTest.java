// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class StorageBufferTest {
    @Test
    @DisplayName("a file larger than the limit is written, saved and read through one mapping")
    void prints() throws Exception {
        assertEquals(
                List.of(
                        "checkpoint: 256 pages in the file",
                        "sum of the records: 97920",
                        "pages in memory: within the limit"),
                Printed.by(() -> StorageBuffer.main(new String[0])));
    }
}
