// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.AddressSpace;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.interleave.scenario.SpaceScenario;
import java.util.List;
import java.util.Objects;

/** All kinds of references to a space; each is acquired and released. */
final class ReferenceKinds {
    /** The kind that needs a reference to the page table, acquired before the operations start. */
    static final String TRY_GET = "try-get";

    /** The names of the kinds. */
    static final List<String> NAMES = List.of("get", "hold", "grab", TRY_GET);

    private ReferenceKinds() {}

    static void addTo() {
        PairKinds.add("get", call -> {
            try (AddressSpace got = call.space().get()) {
                return covers(got, call);
            }
        });
        PairKinds.add("hold", call -> {
            try (PageTableRef held = call.space().hold()) {
                // This holds after the end of the space, too: its topmost table stays.
                return held.pageTableBytes() >= SpaceScenario.PAGE;
            }
        });
        PairKinds.add("grab", call -> {
            try (SpaceIdentity identity = call.space().grab()) {
                return identity.number();
            }
        });
        PairKinds.add(TRY_GET, call -> {
            try (PageTableRef held = Objects.requireNonNull(call.state().held.get(call.label()));
                    AddressSpace got = held.tryGet()) {
                return got == null ? "ended" : covers(got, call);
            }
        });
    }

    private static boolean covers(AddressSpace got, PairKinds.Call call) {
        return got.find(call.start()) != null;
    }
}
