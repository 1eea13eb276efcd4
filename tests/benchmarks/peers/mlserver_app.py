"""The engine behind MLServer, over its V2 inference protocol."""

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from tests.benchmarks.peers.answering import Answering, load_answering, sent_files


class CardioQueryModel(MLModel):
    """One recording and its queries a request: inputs `names`, `contents` and `queries`."""

    answering: Answering

    async def load(self) -> bool:
        self.answering = load_answering()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        texts = {each.name: StringCodec.decode_input(each) for each in payload.inputs}
        files = sent_files(texts["names"], texts["contents"])
        answer = self.answering.answer(files, texts["queries"])
        return InferenceResponse(
            model_name=self.name, outputs=[StringCodec.encode_output("answer", [answer.decode()])]
        )
