// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.Machine;
import dev.samara.core.interleave.scenario.HeapFrames;
import org.junit.jupiter.api.DisplayName;

@DisplayName("A file of the host, with frames of an embedder")
final class HostFileOnHeapTest extends HostFileRules {
    HostFileOnHeapTest() {
        super(Machine.builder().frameStore(HeapFrames::new));
    }
}
