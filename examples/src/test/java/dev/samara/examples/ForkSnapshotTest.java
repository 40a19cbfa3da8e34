// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class ForkSnapshotTest {
    @Test
    @DisplayName("neither the snapshot nor the child follows the parent, nor the parent the child")
    void prints() throws Exception {
        String whole = "  7ffff7ffc000-7ffff7fff000 r--p 00000000 00:00 0 ";
        String low = "  7ffff7ffc000-7ffff7ffd000 r--p 00000000 00:00 0 ";
        String high = "  7ffff7ffe000-7ffff7fff000 r--p 00000000 00:00 0 ";
        assertEquals(
                List.of(
                        "The parent unmapped its middle page:",
                        low,
                        high,
                        "The snapshot is as it was:",
                        whole,
                        "So is the child:",
                        whole,
                        "The child protected all three:",
                        whole.replace("r--p", "---p"),
                        "The parent did not notice:",
                        low,
                        high),
                Printed.by(() -> ForkSnapshot.main(new String[0])));
    }
}
