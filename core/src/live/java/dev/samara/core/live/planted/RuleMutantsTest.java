// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.planted;

import dev.samara.interleave.rule.RuleMutant;
import dev.samara.interleave.rule.RuleMutants;
import dev.samara.testing.Explored;
import dev.samara.testing.judge.LiveKernel;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;

@LiveKernel
@DisplayName("A short script shows that the running kernel keeps a rule which a broken library does not:")
@Explored(12)
final class RuleMutantsTest extends RuleMutants {
    static Stream<RuleMutant> rules() {
        return Stream.concat(wanted(MemoryMutants.ALL), wanted(FileMutants.ALL));
    }
}
