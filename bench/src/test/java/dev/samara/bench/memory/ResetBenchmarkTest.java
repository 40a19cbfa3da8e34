// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResetBenchmarkTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    @DisplayName(
            "each run begins with the bytes of the template, and a reset or a restore writes as many pages as the run")
    void runs(int mappings) {
        ResetBenchmark benchmark = new ResetBenchmark();
        benchmark.mappings = mappings;
        benchmark.present = 64;
        benchmark.written = 4;
        benchmark.setUp();
        long before = 16 + 32 + 48;
        for (int i = 0; i < 20; i++) {
            benchmark.forked();
            assertEquals(4, benchmark.reset());
            assertEquals(4, benchmark.restored());
            benchmark.discarded();
            for (AddressSpace space : benchmark.unchanged()) {
                assertEquals(before, benchmark.sum(space), space::toString);
            }
        }
        benchmark.storesOnly();
        assertEquals(-4, benchmark.sum(benchmark.unchanged().get(1)), "without a reset");
        benchmark.tearDown();
    }
}
