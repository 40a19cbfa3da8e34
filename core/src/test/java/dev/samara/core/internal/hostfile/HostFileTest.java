// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.Machine;
import org.junit.jupiter.api.DisplayName;

@DisplayName("A file of the host")
final class HostFileTest extends HostFileRules {
    HostFileTest() {
        super(Machine.builder());
    }
}
