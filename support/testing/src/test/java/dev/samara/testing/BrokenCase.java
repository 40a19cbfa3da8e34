// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A case that {@link TestOutputTest} runs. */
final class BrokenCase {
    @BeforeAll
    static void before() {
        System.out.println("printed before the end");
        throw new IllegalStateException("broken");
    }

    @Test
    void isNotRun() {}
}
