// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.VmArea;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Identities in the merge table; {@code 0-41} is a VMA of pages 0 to 3 with identity 1. */
final class MergeRulesIdentityTest extends MergeRulesFixture {
    private static @Nullable AnonVma identity(char letter) {
        return switch (letter) {
            case '1' -> ONE;
            case '2' -> TWO;
            case 'c' -> CHILD;
            default -> null;
        };
    }

    /** Identities: none, two of this space, and a child's. */
    @ParameterizedTest(name = "{0} left of {1}: {2}")
    @CsvSource({
        "-, -, 0-6-",
        "1, -, 0-61",
        "-, 1, 0-61",
        "1, 1, 0-61",
        "1, 2, 0-41 4-62",
        "c, -, 0-4c 4-6-",
        "-, c, 0-4- 4-6c",
        "c, c, 0-6c",
        "c, 1, 0-4c 4-61",
        "1, c, 0-41 4-6c"
    })
    @DisplayName("identities of two")
    void twoIdentities(char left, char piece, String expected) {
        Layout placed = layout(owned(0, 4, identity(left)));
        place(placed, owned(4, 6, identity(piece)));
        assertEquals(expected, owners(placed));
        Layout mirrored = layout(owned(6, 10, identity(left)));
        place(mirrored, owned(4, 6, identity(piece)));
        assertEquals(vmas(placed).size(), vmas(mirrored).size(), "from the right just the same");
        VmArea middle = VmaCut.part(owned(4, 6, identity(piece)), BASE + 4 * PAGE, BASE + 6 * PAGE, X, 12);
        Layout changed = layout(owned(0, 4, identity(left)), middle);
        change(changed, 4, 6, Y);
        assertEquals(expected, owners(changed));
    }

    /** All three have equal flags and continuing offsets. */
    @ParameterizedTest(name = "{1} between {0} and {2}: {3}")
    @CsvSource({
        "-, -, -, 0-8-",
        "1, -, 1, 0-81",
        "1, -, 2, 0-61 6-82",
        "1, -, -, 0-81",
        "-, -, 2, 0-82",
        "-, 1, -, 0-81",
        "-, 1, 1, 0-81",
        "1, 1, 2, 0-61 6-82",
        "2, 1, 1, 0-42 4-81",
        "c, -, 1, 0-4c 4-81",
        "1, -, c, 0-61 6-8c",
        "c, -, c, 0-4c 4-6- 6-8c",
        "-, c, -, 0-4- 4-6c 6-8-",
        "c, c, c, 0-8c",
        "c, c, -, 0-6c 6-8-",
        "-, -, c, 0-6- 6-8c"
    })
    @DisplayName("identities of three: where both fit but not each other, the left one is joined")
    void threeIdentities(char left, char piece, char right, String expected) {
        VmArea before = owned(0, 4, identity(left));
        VmArea after = owned(6, 8, identity(right));
        Layout placed = layout(before, after);
        place(placed, owned(4, 6, identity(piece)));
        assertEquals(expected, owners(placed));
        VmArea middle = VmaCut.part(owned(4, 6, identity(piece)), BASE + 4 * PAGE, BASE + 6 * PAGE, X, 12);
        Layout changed = layout(before, middle, after);
        change(changed, 4, 6, Y);
        assertEquals(expected, owners(changed));
    }
}
