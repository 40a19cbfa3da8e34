// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.PageWindow;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** A file whose answers a test may choose. The default answers are correct. */
final class OddFile extends PagedFile {
    @Nullable
    ToIntFunction<PageRequest> answer;

    @Nullable
    Consumer<PageWindow> offer;

    @Nullable
    ToIntFunction<PageRequest> notice;

    OddFile(SpaceFixture fixture) {
        super(fixture, MisbehavingBackingTest.PAGES);
    }

    @Override
    public int fault(PageRequest request) {
        return answer == null ? super.fault(request) : answer.applyAsInt(request);
    }

    @Override
    public void rcuMapPages(PageWindow window) {
        if (offer == null) {
            super.rcuMapPages(window);
        } else {
            offer.accept(window);
        }
    }

    @Override
    public boolean noticesWrites() {
        return notice != null;
    }

    @Override
    public int pageMkwrite(PageRequest request) {
        return notice == null ? 0 : notice.applyAsInt(request);
    }
}
