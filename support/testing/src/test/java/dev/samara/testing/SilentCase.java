// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import org.junit.jupiter.api.Test;

/** A case that {@link TestOutputTest} runs. */
final class SilentCase {
    @Test
    void passes() {}
}
